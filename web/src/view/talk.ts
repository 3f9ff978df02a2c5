/** During the call: the words, a line to type, and the buttons of a telephone. */

import type { Session } from '../session';
import { Composer } from './composer';
import { Conversation } from './conversation';
import { h, setAttribute, setText } from './dom';
import { type Icon, icon } from './icons';
import { Kept } from './kept';
import { Keypad } from './keypad';
import { meterBars, showLevel } from './meters';
import type { Surroundings, View } from './view';

export class Talk implements View {
  readonly element: HTMLElement;
  private readonly conversation: Conversation;
  private readonly composer: Composer;
  private readonly keypad: Keypad;
  private readonly bars = meterBars();
  private readonly notice = h('p', { class: 'notice', role: 'status', hidden: true });
  private readonly blocked: HTMLElement;
  private readonly kept: Kept;
  private readonly microphone: HTMLButtonElement;
  private readonly keys: HTMLButtonElement;
  private muted = false;
  private typing = false;

  constructor(private readonly surroundings: Surroundings) {
    const { actions, strings } = surroundings;
    this.conversation = new Conversation(strings, false);
    this.composer = new Composer(strings, (text) => actions.say(text), () => actions.typing());
    this.keypad = new Keypad(strings, (digit) => actions.press(digit));
    const unblock = h('button', { class: 'button small', onclick: () => actions.unblock() }, strings.unblock);
    this.blocked = h('div', { class: 'notice', hidden: true }, h('span', {}, strings.blocked), unblock);
    this.kept = new Kept(surroundings, () => this.focus());
    this.microphone = control('microphone', strings.mute, () => this.pressMicrophone());
    this.keys = control('keypad', strings.keypad, () => this.toggleKeypad());
    this.element = h(
      'div',
      { class: 'view talk' },
      this.kept.element,
      this.notice,
      this.blocked,
      this.conversation.element,
      this.keypad.element,
      this.composer.element,
      h(
        'div',
        { class: 'controls', part: 'controls', role: 'group', 'aria-label': strings.title },
        h('div', { class: 'control' }, this.microphone, this.bars),
        h('div', { class: 'control' }, this.keys),
        h('div', { class: 'control' }, control('hangUp', strings.hangUp, () => actions.hangUp(), 'danger')),
      ),
    );
    setAttribute(this.keys, 'aria-expanded', 'false');
  }

  update(session: Session): void {
    const { strings } = this.surroundings;
    this.muted = session.muted;
    this.typing = session.typing;
    this.conversation.update(session.transcript, session.hello?.language ?? '');
    this.composer.update(session.paused);
    this.kept.update(session);
    const trouble = session.trouble ? strings[session.trouble] : '';
    const notice = session.restoring ? strings.restoring : session.problem || trouble;
    setText(this.notice, notice);
    setAttribute(this.notice, 'hidden', notice === '');
    setAttribute(this.blocked, 'hidden', !session.silenced);
    const [name, label]: [Icon, string] = session.typing
      ? ['muted', strings.useMicrophone]
      : session.muted
        ? ['muted', strings.unmute]
        : ['microphone', strings.mute];
    relabel(this.microphone, name, label);
    setAttribute(this.microphone, 'data-off', session.muted || session.typing);
  }

  private pressMicrophone(): void {
    const { actions } = this.surroundings;
    if (this.typing) actions.useMicrophone();
    else actions.mute(!this.muted);
  }

  private toggleKeypad(open = !this.keypad.open): void {
    this.keypad.show(open);
    setAttribute(this.keys, 'aria-expanded', String(open));
    if (!open) this.keys.focus();
  }

  escape(): boolean {
    if (this.kept.escape()) return true;
    if (!this.keypad.open) return false;
    this.toggleKeypad(false);
    return true;
  }

  meter({ visitor }: { visitor: number }): void {
    showLevel(this.bars, this.muted || this.typing ? 0 : visitor);
  }

  focus(): void {
    // Where there is no keyboard, a focused field would call one up over the words.
    if (matchMedia('(pointer: coarse)').matches) this.conversation.element.focus();
    else this.composer.focus();
  }
}

/** A round button with its name below. */
function control(name: Icon, label: string, press: () => void, kind = ''): HTMLButtonElement {
  return h(
    'button',
    { class: `control-button ${kind}`, part: `control ${kind}`.trim(), onclick: press },
    h('span', { class: 'disc' }, icon(name)),
    h('span', { class: 'caption' }, label),
  );
}

function relabel(button: HTMLButtonElement, name: Icon, label: string): void {
  const disc = button.firstElementChild!;
  if (!disc.querySelector(`.icon-${name}`)) disc.replaceChildren(icon(name));
  setText(button.lastElementChild!, label);
}
