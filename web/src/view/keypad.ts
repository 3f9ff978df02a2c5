/** The keypad: a panel of twelve keys that also takes them from a keyboard. */

import { keys } from '../keys';
import { type Strings, fill } from '../strings';
import { h } from './dom';

export class Keypad {
  readonly element: HTMLElement;

  constructor(strings: Strings, press: (digit: string) => void) {
    const name = (key: string) => (key === '*' ? strings.star : key === '#' ? strings.hash : key);
    this.element = h(
      'div',
      {
        class: 'keypad',
        role: 'group',
        'aria-label': strings.keypad,
        hidden: true,
        onkeydown: (event: KeyboardEvent) => {
          const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
          if (plain && (keys as readonly string[]).includes(event.key)) press(event.key);
        },
      },
      ...keys.map((key) =>
        h(
          'button',
          { class: 'key', 'aria-label': fill(strings.key, { key: name(key) }), onclick: () => press(key) },
          key === '*' ? '\u2217' : key,
        ),
      ),
    );
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  show(open: boolean): void {
    this.element.hidden = !open;
    if (open) this.element.querySelector('button')!.focus();
  }
}
