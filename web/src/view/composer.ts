/** The line in which visitors type; Enter sends. */

import { maxText } from '../channel';
import type { Strings } from '../strings';
import { h, setAttribute } from './dom';
import { icon } from './icons';

export class Composer {
  readonly element: HTMLFormElement;
  private readonly field: HTMLInputElement;
  private readonly button: HTMLButtonElement;
  private paused = false;

  /** `say` tells whether the text could be sent; what could not stays. */
  constructor(
    private readonly strings: Strings,
    say: (text: string) => boolean,
    typing: () => void,
  ) {
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
    this.button = h('button', { class: 'round send', 'aria-label': strings.send, title: strings.send }, icon('send'));
    this.element = h(
      'form',
      {
        class: 'composer',
        part: 'composer',
        onsubmit: (event: Event) => {
          event.preventDefault();
          const text = this.field.value.trim();
          if (text !== '' && !this.paused && say(text)) this.field.value = '';
        },
      },
      this.field,
      this.button,
    );
  }

  /** In a pause nothing is sent: it would be lost. */
  update(paused: boolean): void {
    this.paused = paused;
    setAttribute(this.field, 'placeholder', paused ? this.strings.paused : this.strings.placeholder);
    setAttribute(this.button, 'aria-disabled', paused && 'true');
  }

  focus(): void {
    this.field.focus();
  }
}
