/** The words of both sides, as a list that grows. */

import { type Line, type Transcript, isCut, isFinal, words } from '../captions';
import type { Strings } from '../strings';
import { h, setAttribute, setText } from './dom';

interface Row {
  element: HTMLElement;
  heard: HTMLElement;
  rest: HTMLElement;
  cut: HTMLElement;
  line: Line | undefined;
}

export class Conversation {
  readonly element: HTMLElement;
  private readonly list = h('ol', { class: 'lines', role: 'list' });
  private readonly empty: HTMLElement;
  private rows: Row[] = [];
  private follow = true;

  /** `finished`: no more words will come, so that what was not played is left out. */
  constructor(
    private readonly strings: Strings,
    private readonly finished: boolean,
  ) {
    this.empty = h('p', { class: 'hint' }, finished ? strings.noWords : strings.empty);
    this.element = h(
      'div',
      {
        class: 'scroll conversation',
        part: 'conversation',
        role: 'group',
        tabindex: '0', // so that a keyboard can scroll it
        'aria-label': finished ? strings.transcript : strings.conversation,
        onscroll: () => (this.follow = this.atEnd()),
      },
      this.empty,
      this.list,
    );
  }

  update(transcript: Transcript, language: string): void {
    const lines = transcript.filter((line) => !this.finished || words(line).heard !== '');
    setAttribute(this.empty, 'hidden', lines.length > 0);
    setAttribute(this.list, 'hidden', lines.length === 0);
    setAttribute(this.list, 'lang', language || undefined);
    while (this.rows.length > lines.length) this.rows.pop()!.element.remove();
    lines.forEach((line, i) => {
      const row = this.rows[i] ?? this.add();
      if (row.line !== line) this.write(row, line);
    });
    if (this.follow && !this.finished) this.element.scrollTop = this.element.scrollHeight;
  }

  private add(): Row {
    const row: Row = {
      element: h('li'),
      heard: h('span', { class: 'heard' }),
      rest: h('span', { class: 'rest' }),
      cut: h('span', { class: 'cut' }, h('span', { 'aria-hidden': 'true' }, '\u202f—'), h('span', { class: 'unseen' })),
      line: undefined,
    };
    row.element.append(h('span', { class: 'speaker' }), h('p', { class: 'bubble' }, row.heard, row.rest, row.cut));
    setText(row.cut.lastElementChild!, ` (${this.strings.interrupted})`);
    this.list.append(row.element);
    this.rows.push(row);
    return row;
  }

  private write(row: Row, line: Line): void {
    const { heard, rest } = words(line);
    row.line = line;
    setAttribute(row.element, 'class', `line ${line.who}${isFinal(line) || this.finished ? '' : ' open'}`);
    setText(row.element.firstElementChild!, line.who === 'visitor' ? this.strings.you : this.strings.assistant);
    setText(row.heard, heard);
    setText(row.rest, rest && !this.finished ? `${heard ? ' ' : ''}${rest}` : '');
    setAttribute(row.cut, 'hidden', !isCut(line));
  }

  private atEnd(): boolean {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    return scrollTop + clientHeight > scrollHeight - 24;
  }
}
