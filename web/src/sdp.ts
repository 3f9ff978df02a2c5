/**
 * What an ICE restart needs of SDP (RFC 8839): our new credentials and
 * candidates as a fragment, and the gateway's put into its earlier answer. Pure.
 */

interface Section {
  lines: string[];
}

/** The session part and the media sections, each without line ends. */
function sections(sdp: string): Section[] {
  const found: Section[] = [{ lines: [] }];
  for (const line of sdp.split(/\r?\n/)) {
    if (line === '') continue;
    if (line.startsWith('m=')) found.push({ lines: [] });
    found.at(-1)!.lines.push(line);
  }
  return found;
}

function join(lines: string[]): string {
  return lines.map((line) => `${line}\r\n`).join('');
}

function first(all: Section[], prefix: string): string | undefined {
  return all.flatMap((s) => s.lines).find((line) => line.startsWith(prefix));
}

const isCandidate = (line: string) => line.startsWith('a=candidate:') || line === 'a=end-of-candidates';
const isCredential = (line: string) => line.startsWith('a=ice-ufrag:') || line.startsWith('a=ice-pwd:');

/** The fragment (RFC 8840, section 9) that asks for a restart, from our new offer. */
export function restartFragment(offer: string): string {
  const all = sections(offer);
  const [, media] = all;
  const ufrag = first(all, 'a=ice-ufrag:');
  const pwd = first(all, 'a=ice-pwd:');
  if (!media || !ufrag || !pwd) throw new Error('sdp: an offer without media or credentials');
  // Sections are bundled: those after the first have the same transport.
  const candidates = [...new Set(all.flatMap((s) => s.lines).filter((line) => line.startsWith('a=candidate:')))];
  const mid = media.lines.find((line) => line.startsWith('a=mid:'));
  return join([ufrag, pwd, media.lines[0]!, ...(mid ? [mid] : []), ...candidates, 'a=end-of-candidates']);
}

/** The answer to a restarted offer: the earlier answer with a fragment's transport. */
export function restartedAnswer(answer: string, fragment: string): string {
  const news = sections(fragment);
  const ufrag = first(news, 'a=ice-ufrag:');
  const pwd = first(news, 'a=ice-pwd:');
  if (!ufrag || !pwd) throw new Error('sdp: a fragment without credentials');
  const candidates = news.flatMap((s) => s.lines).filter(isCandidate);
  return join(
    sections(answer).flatMap(({ lines }, i) => {
      const kept = lines.filter((line) => !isCandidate(line) && !isCredential(line));
      if (i === 0) return kept;
      return [...kept, ufrag, pwd, ...(i === 1 ? candidates : [])];
    }),
  );
}
