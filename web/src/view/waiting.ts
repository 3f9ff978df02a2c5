/** While the browser asks for the microphone, and while the call connects. */

import type { Session } from '../session';
import { h, setText } from './dom';
import { icon } from './icons';
import type { Surroundings, View } from './view';

export class Waiting implements View {
  readonly element: HTMLElement;
  private readonly heading = h('h3', { class: 'heading', tabindex: '-1' });
  private readonly hint = h('p', { class: 'hint' });

  constructor(private readonly surroundings: Surroundings) {
    const { actions, strings } = surroundings;
    this.element = h(
      'div',
      { class: 'view centred' },
      h('div', { class: 'emblem busy' }, icon('wave')),
      this.heading,
      this.hint,
      h(
        'div',
        { class: 'stack' },
        h('button', { class: 'button quiet', part: 'button', onclick: () => actions.cancel() }, strings.cancel),
      ),
    );
  }

  update({ phase }: Session): void {
    const { strings } = this.surroundings;
    setText(this.heading, phase === 'asking' ? strings.asking : strings.connecting);
    setText(this.hint, phase === 'asking' ? strings.askingHint : strings.connectingHint);
  }

  focus(): void {
    this.heading.focus();
  }
}
