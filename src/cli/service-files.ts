/** What a supervisor of the user's own session has to know to run the gateway. */
export interface ServiceFacts {
  /** The program and the arguments that start it. */
  readonly command: readonly string[];
  /** No secret is among them: the files can be read by others. */
  readonly env: Readonly<Record<string, string>>;
  /** Where variables that are secret may be written, `NAME=value` a line; systemd alone can read such a file. */
  readonly envFile: string;
  readonly logFile: string;
}

/** The first line of what is written, by which it is known again. */
export const writtenBy = 'Written by `dragoman service install`.';

/** A unit for `systemctl --user`. */
export function systemdUnit({ command, env, envFile }: ServiceFacts): string {
  const variables = Object.entries(env).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`);
  return `# ${writtenBy}
[Unit]
Description=Dragoman, a gateway between clients and language models

[Service]
ExecStart=${command.map((word) => quoted(word).replaceAll('$', '$$$$')).join(' ')}
${variables.join('\n')}
EnvironmentFile=-${envFile.replaceAll('%', '%%')}
WorkingDirectory=~
Restart=on-failure
RestartSec=2
TimeoutStopSec=60
NoNewPrivileges=yes
UMask=0077
LimitNOFILE=65536

[Install]
WantedBy=default.target
`;
}

/** As systemd reads a word: specifiers and escapes are neutral in it. */
const quoted = (word: string): string =>
  `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('\n', '\\n')}"`;

/** A property list for launchd's agents. */
export function launchdPlist(label: string, { command, env, logFile }: ServiceFacts): string {
  const variables = Object.entries(env).map(
    ([name, value]) => `    <key>${xml(name)}</key>\n    ${string(value)}`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${writtenBy} -->
<plist version="1.0">
<dict>
  <key>Label</key>
  ${string(label)}
  <key>ProgramArguments</key>
  <array>
${command.map((word) => `    ${string(word)}`).join('\n')}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${variables.join('\n')}
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>Umask</key>
  <integer>63</integer>
  <key>ExitTimeOut</key>
  <integer>60</integer>
  <key>StandardOutPath</key>
  ${string(logFile)}
  <key>StandardErrorPath</key>
  ${string(logFile)}
</dict>
</plist>
`;
}

const string = (text: string): string => `<string>${xml(text)}</string>`;

const xml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
