import { existsSync } from 'node:fs';
import { freePort, inRunDirectory, keep, pinned, serverCpu, type Running } from './processes.ts';

const command = Bun.which('nginx') ?? ['/usr/sbin/nginx', '/usr/local/sbin/nginx'].find(existsSync);

/** nginx as a plain reverse proxy before the upstream, one worker; undefined where it is not installed. */
export async function startNginx(upstreamPort: number): Promise<Running | undefined> {
  if (command === undefined) return undefined;
  const port = freePort();
  const file = inRunDirectory('nginx.conf');
  await Bun.write(file, configuration(port, upstreamPort));
  const args = ['-c', file, '-e', inRunDirectory('nginx.log'), '-p', inRunDirectory('')];
  const child = Bun.spawn(pinned(serverCpu, [command, ...args]), { stdio: ['ignore', 'ignore', 'inherit'] });
  // A master that is killed outright leaves its worker behind.
  const stop = keep(child, 'SIGTERM');
  for (let attempt = 0; !(await answers(port)); attempt++) {
    if (attempt === 200 || child.exitCode !== null) throw new Error(`nginx does not listen: see ${file}`);
    await Bun.sleep(10);
  }
  return { pid: child.pid, port, stop };
}

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/open`).then(
    (reply) => reply.ok,
    () => false,
  );

const configuration = (port: number, upstreamPort: number): string => `
user root;
worker_processes 1;
worker_rlimit_nofile 65536;
daemon off;
pid ${inRunDirectory('nginx.pid')};
events { worker_connections 16384; }
http {
  access_log off;
  client_body_temp_path ${inRunDirectory('body')};
  proxy_temp_path ${inRunDirectory('proxy')};
  fastcgi_temp_path ${inRunDirectory('fastcgi')};
  uwsgi_temp_path ${inRunDirectory('uwsgi')};
  scgi_temp_path ${inRunDirectory('scgi')};
  client_max_body_size 10m;
  client_body_buffer_size 1m;
  keepalive_requests 1000000;
  keepalive_timeout 600s;
  tcp_nodelay on;
  upstream bench {
    server 127.0.0.1:${upstreamPort};
    keepalive 2048;
    keepalive_requests 1000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://bench;
      proxy_http_version 1.1;
      proxy_set_header connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }
  }
}
`;
