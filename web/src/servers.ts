/**
 * The TURN servers of a Link header, as WHIP gives them (RFC 9725, section
 * 4.6; the form of the header is RFC 8288's). Pure.
 */

const link = /<([^>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))*)/g;
const parameter = /;\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))/g;

export function iceServers(header: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const [, url, rest] of (header ?? '').matchAll(link)) {
    const values = new Map<string, string>();
    for (const [, name, quoted, bare] of rest!.matchAll(parameter)) {
      values.set(name!.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
    }
    if (values.get('rel') !== 'ice-server' || !/^(turns?|stuns?):/.test(url!)) continue;
    const [username, credential] = [values.get('username'), values.get('credential')];
    servers.push({ urls: url!, ...(username && { username }), ...(credential && { credential }) });
  }
  return servers;
}
