/** The line in which visitors type; Enter sends. */

import { maxText } from '../channel';
import type { Strings } from '../strings';
import { h } from './dom';
import { icon } from './icons';

export class Composer {
  readonly element: HTMLFormElement;
  private readonly field: HTMLInputElement;

  /** `say` tells whether the text could be sent; what could not stays. */
  constructor(strings: Strings, say: (text: string) => boolean, typing: () => void) {
    this.field = h('input', {
      type: 'text',
      class: 'line-field',
      'aria-label': strings.message,
      placeholder: strings.placeholder,
      autocomplete: 'off',
      enterkeyhint: 'send',
      maxlength: String(maxText),
      oninput: typing,
    });
    this.element = h(
      'form',
      {
        class: 'composer',
        part: 'composer',
        onsubmit: (event: Event) => {
          event.preventDefault();
          const text = this.field.value.trim();
          if (text !== '' && say(text)) this.field.value = '';
        },
      },
      this.field,
      h('button', { class: 'round send', 'aria-label': strings.send, title: strings.send }, icon('send')),
    );
  }

  focus(): void {
    this.field.focus();
  }
}
