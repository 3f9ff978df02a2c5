/** The question of consent: the words that the agent speaks meanwhile, and the answers. */

import { type Field, maxAbout } from '../channel';
import type { Session } from '../session';
import type { Strings } from '../strings';
import { h, newID, setAttribute, setText } from './dom';
import type { Surroundings, View } from './view';

export class Consent implements View {
  readonly element: HTMLElement;
  private readonly heading = h('h3', { class: 'heading', id: newID() });
  private readonly waits = h('p', { class: 'hint', id: newID() });
  private readonly words = h('div', { class: 'words', id: newID() });
  private readonly about = h('div');
  private readonly buttons = h('div', { class: 'stack choices' });
  private shown: Session['question'];
  private fields: [Field, HTMLInputElement][] = [];

  constructor(private readonly surroundings: Surroundings) {
    this.element = h(
      'div',
      {
        class: 'view consent',
        role: 'group',
        tabindex: '-1',
        'aria-labelledby': this.heading.id,
      },
      h('div', { class: 'scroll' }, this.heading, this.waits, this.words, this.about),
      this.buttons,
    );
  }

  update({ question, again, hello, pending }: Session): void {
    if (!question) return;
    const { strings } = this.surroundings;
    setText(this.heading, again ? strings.consentAgain : strings.consent);
    setText(this.waits, again ? strings.consentWaits : '');
    setAttribute(this.waits, 'hidden', !again);
    setAttribute(this.element, 'aria-describedby', `${again ? `${this.waits.id} ` : ''}${this.words.id}`);
    if (question !== this.shown) {
      this.shown = question;
      setAttribute(this.words, 'lang', question.language || undefined);
      this.words.replaceChildren(...question.parts.map(({ kind, text }) => h('p', { class: `part-${kind}` }, text)));
      this.ask(question.choices.length > 0 ? (hello?.ask ?? []) : []);
      this.offer(question.choices, again);
    }
    // Not disabled: that would take the focus away.
    const waiting = pending && 'true';
    for (const button of this.buttons.querySelectorAll('button:not(.leave)')) setAttribute(button, 'aria-disabled', waiting);
  }

  /** Shows the fields in which visitors may say who they are. */
  private ask(fields: Field[]): void {
    const { strings } = this.surroundings;
    this.fields = fields.map((name) => [name, aboutField(name)]);
    this.about.replaceChildren(
      ...(fields.length === 0
        ? []
        : [
            h(
              'fieldset',
              { class: 'about' },
              h('legend', {}, `${strings.about} (${strings.optional})`),
              ...this.fields.map(([name, input]) =>
                h('div', { class: 'field' }, h('label', { for: input.id }, label(name, strings)), input),
              ),
            ),
          ]),
    );
  }

  private offer(choices: string[], again: boolean): void {
    const { actions, strings } = this.surroundings;
    const told = () =>
      Object.fromEntries(this.fields.map(([name, { value }]) => [name, value])) as Partial<Record<Field, string>>;
    this.buttons.replaceChildren();
    if (choices.length === 0) this.buttons.append(h('p', { class: 'hint' }, strings.consentHint));
    if (choices.includes('agree')) {
      const agree = () => actions.choose('agree', told());
      this.buttons.append(h('button', { class: 'button primary', part: 'button primary', onclick: agree }, strings.agree));
    }
    if (choices.includes('unrecorded')) {
      const go = () => actions.choose('unrecorded', told());
      this.buttons.append(h('button', { class: 'button secondary', part: 'button', onclick: go }, strings.unrecorded));
    }
    const leave = () => actions.hangUp();
    this.buttons.append(h('button', { class: 'button quiet leave', part: 'button', onclick: leave }, again ? strings.hangUp : strings.leave));
  }

  focus(): void {
    this.element.focus();
  }
}

function label(name: Field, strings: Strings): string {
  return name === 'name' ? strings.name : strings.email;
}

function aboutField(name: Field): HTMLInputElement {
  return h('input', {
    id: newID(),
    type: name === 'email' ? 'email' : 'text',
    autocomplete: name,
    maxlength: String(maxAbout),
  });
}
