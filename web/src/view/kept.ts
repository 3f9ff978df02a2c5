/** What is kept of the call, in words, and what the visitor may change of that. */

import type { Choice } from '../channel';
import type { Session } from '../session';
import type { Strings } from '../strings';
import { h, newID, setAttribute, setText } from './dom';
import type { Surroundings } from './view';

export class Kept {
  readonly element: HTMLElement;
  private readonly text = h('span', { class: 'kept-text' });
  private readonly links = h('div', { class: 'links' });
  private readonly buttons: Record<'unrecorded' | 'delete' | 'again', HTMLButtonElement>;
  private readonly sentence = h('p', { id: newID() });
  private readonly question: HTMLElement;

  /** `leave` moves the focus on when what had it is gone. */
  constructor(
    private readonly surroundings: Surroundings,
    private readonly leave: () => void,
  ) {
    const { actions, strings } = surroundings;
    this.buttons = {
      unrecorded: link(() => actions.choose('unrecorded')),
      delete: link(() => this.ask()),
      again: link(() => actions.choose('again')),
    };
    setText(this.buttons.unrecorded, strings.stopRecording);
    this.links.append(...Object.values(this.buttons));
    const remove = () => {
      actions.choose('delete');
      this.answer();
    };
    this.question = h(
      'div',
      { class: 'question', role: 'group', tabindex: '-1', 'aria-labelledby': this.sentence.id, hidden: true },
      this.sentence,
      h('button', { class: 'button small destructive', onclick: remove }, strings.delete),
      h('button', { class: 'button small', onclick: () => this.answer() }, strings.cancel),
    );
    this.element = h(
      'div',
      { class: 'kept' },
      h('span', { class: 'dot', 'aria-hidden': 'true' }),
      this.text,
      this.links,
      this.question,
    );
  }

  update(session: Session): void {
    const { strings } = this.surroundings;
    const { choices, pending } = session;
    const focused = this.element.querySelector(':focus');
    const stops = choices.includes('unrecorded'); // also in a pause
    setText(this.text, keptText(session, strings));
    setAttribute(this.element, 'data-kept', keptState(session));
    setText(this.buttons.delete, stops ? strings.stopAndDelete : strings.deleteRecording);
    setText(this.buttons.again, session.recorded ? strings.recordAgain : strings.record);
    setText(this.sentence, stops ? strings.stopDeleteQuestion : strings.deleteQuestion);
    for (const [choice, button] of Object.entries(this.buttons)) {
      setAttribute(button, 'hidden', !choices.includes(choice as Choice));
      // Not disabled: that would take the focus away.
      setAttribute(button, 'aria-disabled', pending && 'true');
    }
    if (!choices.includes('delete')) this.show(false);
    if (focused?.closest('[hidden]')) this.leave();
  }

  /** Asks before all is deleted: that can not be taken back. */
  private ask(): void {
    if (this.buttons.delete.ariaDisabled === 'true') return;
    this.show(true);
    this.question.focus();
  }

  private answer(): void {
    this.show(false);
    this.buttons.delete.focus();
  }

  private show(asking: boolean): void {
    setAttribute(this.question, 'hidden', !asking);
    setAttribute(this.links, 'hidden', asking);
  }

  /** Takes the question back; false when there is none. */
  escape(): boolean {
    if (this.question.hidden) return false;
    this.answer();
    return true;
  }
}

/** What is kept of the call now. */
export function keptState({ recording, transcribing, paused }: Session): 'recording' | 'paused' | 'nothing' {
  if (paused) return 'paused';
  return recording || transcribing ? 'recording' : 'nothing';
}

/** The same, said. */
export function keptText(session: Session, strings: Strings): string {
  if (session.paused) return strings.nothingHeard;
  if (session.recording) return strings.recording;
  return session.transcribing ? strings.transcribed : strings.notRecorded;
}

function link(press: () => void): HTMLButtonElement {
  return h('button', { class: 'link', onclick: press });
}
