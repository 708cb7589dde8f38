/**
 * The candidates most like `name`, at most three: those whose last path segment it nearly spells, by edit
 * distance relative to length.
 */
export function nearest(name: string, candidates: readonly string[]): string[] {
  const wanted = tail(name);
  return candidates
    .map((candidate) => ({ candidate, distance: unlikeness(wanted, tail(candidate)) }))
    .filter(({ distance }) => distance <= 0.5)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

const tail = (name: string): string => name.slice(name.lastIndexOf('/') + 1).toLowerCase();

/** 0 for equal, 1 for nothing in common; a candidate that contains the name counts as close. */
function unlikeness(a: string, b: string): number {
  if (a === b) return 0;
  if (a.length > 2 && b.length > 2 && (a.includes(b) || b.includes(a))) return 0.2;
  return editDistance(a.slice(0, 64), b.slice(0, 64)) / Math.max(a.length, b.length, 1);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, swap));
    }
    row = next;
  }
  return row[b.length]!;
}
