/** Before a call: what it is, and one button. */

import { h } from './dom';
import { icon } from './icons';
import type { Surroundings, View } from './view';

export class Idle implements View {
  readonly element: HTMLElement;
  private readonly start: HTMLButtonElement;

  constructor({ actions, strings }: Surroundings) {
    this.start = h(
      'button',
      { class: 'button primary', part: 'button primary', onclick: () => actions.start(false) },
      icon('microphone'),
      strings.start,
    );
    this.element = h(
      'div',
      { class: 'view centred' },
      h('div', { class: 'emblem' }, icon('wave')),
      h('p', { class: 'lead' }, strings.intro),
      h('p', { class: 'hint' }, strings.promise),
      h(
        'div',
        { class: 'stack' },
        this.start,
        h('button', { class: 'button quiet', part: 'button', onclick: () => actions.start(true) }, strings.typeInstead),
      ),
    );
  }

  update(): void {}

  focus(): void {
    this.start.focus();
  }
}
