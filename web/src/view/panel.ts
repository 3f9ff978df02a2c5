/**
 * The frame of the widget: the button that opens it when it floats, a head with
 * title, state and time, and the view of the session's phase.
 */

import { type Line, duration, isFinal, words } from '../captions';
import type { Phase, Session } from '../session';
import { Consent } from './consent';
import { h, newID, setAttribute, setText } from './dom';
import { Ended } from './ended';
import { Failed } from './failed';
import { icon } from './icons';
import { Idle } from './idle';
import { meterBars, showLevel } from './meters';
import { keptState, keptText } from './kept';
import { Talk } from './talk';
import type { Surroundings, View } from './view';
import { Waiting } from './waiting';

const views: Record<Phase, new (s: Surroundings) => View> = {
  idle: Idle,
  asking: Waiting,
  connecting: Waiting,
  consent: Consent,
  talking: Talk,
  ended: Ended,
  failed: Failed,
};

/** How the frame is made. */
export interface Frame extends Surroundings {
  title: string;
  launch: string;
  floating: boolean;
  setOpen: (open: boolean) => void;
}

export class Panel {
  readonly element: HTMLElement;
  private readonly panel: HTMLElement;
  private readonly launcher: HTMLButtonElement;
  private readonly launchText = h('span');
  private readonly launchName = h('span', { class: 'unseen' });
  private readonly launchKept = h('span', { class: 'unseen' });
  private readonly state = h('p', { class: 'state' });
  private readonly time: HTMLElement;
  private readonly body = h('div', { class: 'body' });
  private readonly announcer = h('div', { class: 'unseen', 'aria-live': 'polite' });
  private readonly bars = meterBars();
  private readonly announced = new WeakSet<Line>();
  private view: View | undefined;
  /** The conversation while the question stands over it, and where its focus was. */
  private covered: { talk: Talk; focus: HTMLElement | undefined } | undefined;
  private session: Session | undefined;
  private kept = '';

  constructor(private readonly frame: Frame) {
    const { strings, title, floating } = frame;
    const heading = h('h2', { class: 'title', id: newID() }, title);
    this.time = h('span', { class: 'time', role: 'timer', 'aria-label': strings.elapsed, 'aria-live': 'off' });
    const minimise = h(
      'button',
      { class: 'round', 'aria-label': strings.minimise, title: strings.minimise, onclick: () => this.shut() },
      icon('minimise'),
    );
    this.panel = h(
      'div',
      {
        class: 'panel',
        part: 'panel',
        id: newID(),
        role: floating ? 'dialog' : undefined,
        'aria-labelledby': floating ? heading.id : undefined,
        onkeydown: (event: KeyboardEvent) => this.keyDown(event),
      },
      h(
        'div',
        { class: 'head', part: 'header' },
        h('span', { class: 'mark' }, this.bars),
        h('div', { class: 'titles' }, heading, this.state),
        this.time,
        floating ? minimise : undefined,
      ),
      this.body,
    );
    this.launcher = h(
      'button',
      {
        class: 'launcher',
        part: 'launcher',
        hidden: !floating,
        'aria-controls': this.panel.id,
        onclick: () => frame.setOpen(true),
      },
      icon('wave'),
      this.launchName,
      this.launchText,
      h('span', { class: 'dot', 'aria-hidden': 'true' }),
      this.launchKept,
    );
    this.element = h(
      'section',
      { class: 'widget', 'aria-label': title, 'data-mode': floating ? 'floating' : 'inline' },
      this.panel,
      this.launcher,
      this.announcer,
    );
  }

  /** Shows a state; `now` is on the session's clock. Moves the focus to a new view if `focus`. */
  update(session: Session, open: boolean, now: number): void {
    const View = views[session.phase];
    const fresh = !(this.view instanceof View);
    const focus = fresh && (session.phase === 'consent' || this.hasFocus());
    this.session = session;
    const back = fresh ? this.change(View) : undefined;
    this.view!.update(session);
    setAttribute(this.panel, 'hidden', this.frame.floating && !open);
    setAttribute(this.launcher, 'hidden', !this.frame.floating || open);
    setAttribute(this.launcher, 'aria-expanded', String(open));
    const talking = session.phase === 'talking';
    setAttribute(this.launcher, 'data-kept', talking && keptState(session));
    setText(this.launchKept, talking ? ` ${keptText(session, this.frame.strings)}` : '');
    setAttribute(this.element, 'data-phase', session.phase);
    setAttribute(this.element, 'data-agent', talking && !session.paused ? session.agent : undefined);
    setText(this.state, this.stateText(session));
    setAttribute(this.state, 'hidden', this.state.textContent === '');
    this.tick(now);
    this.announce(session);
    if (focus && open) this.focus(back);
  }

  /**
   * Shows another view. A question in mid-call covers the conversation, which is
   * as it was afterwards; returns what had the focus there.
   */
  private change(View: new (s: Surroundings) => View): HTMLElement | undefined {
    const { covered, view: before } = this;
    this.covered = undefined;
    if (covered && View === Talk) {
      before!.element.remove();
      setAttribute(covered.talk.element, 'hidden', false);
      this.view = covered.talk;
      return covered.focus;
    }
    this.view = new View(this.frame);
    if (before instanceof Talk && View === Consent) {
      this.covered = { talk: before, focus: before.element.querySelector<HTMLElement>(':focus') ?? undefined };
      setAttribute(before.element, 'hidden', true);
      this.body.append(this.view.element);
    } else {
      this.body.replaceChildren(this.view.element);
    }
    return undefined;
  }

  private stateText({ phase, agent, restoring, paused, again }: Session): string {
    const { strings } = this.frame;
    if (restoring) return strings.connecting;
    if (phase === 'consent') return again ? strings.asked : strings.announcing;
    if (phase !== 'talking') return '';
    return paused ? strings.paused : strings[agent];
  }

  /** Shows how long the call has lasted. */
  tick(now: number): void {
    const { since, phase } = this.session!;
    const live = since !== undefined && (phase === 'talking' || phase === 'consent');
    const time = live ? duration((now - since) / 1000) : '';
    setText(this.time, time);
    setAttribute(this.time, 'hidden', !live);
    setText(this.launchName, live ? `${this.frame.title} ` : '');
    setText(this.launchText, live ? time : this.frame.launch);
  }

  meter(levels: { visitor: number; agent: number }): void {
    showLevel(this.bars, levels.agent);
    this.view?.meter?.(levels);
  }

  /** Moves the focus to where it was, if that can be seen, or to where the view begins. */
  focus(back?: HTMLElement): void {
    if (back && !back.closest('[hidden]')) back.focus();
    else this.view?.focus();
  }

  /**
   * Tells screen readers of finished turns and of what is kept; partial words would
   * only disturb. The words of a question are read where the focus is, and its
   * answer is confirmed.
   */
  private announce(session: Session): void {
    const { strings } = this.frame;
    const asking = session.phase === 'consent';
    const news: string[] = [];
    const kept = session.phase === 'talking' ? keptText(session, strings) : this.kept;
    if (asking) this.kept = '';
    else if (kept !== this.kept) news.push((this.kept = kept));
    for (const line of session.transcript) {
      if (!isFinal(line) || this.announced.has(line)) continue;
      this.announced.add(line);
      if (!asking) news.push(`${line.who === 'visitor' ? strings.you : strings.assistant}: ${words(line).heard}`);
    }
    if (news.length === 0) return;
    this.announcer.append(...news.map((text) => h('p', {}, text)));
    while (this.announcer.childElementCount > 8) this.announcer.firstElementChild!.remove();
  }

  /** Whether the keyboard's focus is within the widget. */
  private hasFocus(): boolean {
    const root = this.element.getRootNode();
    return root instanceof ShadowRoot && root.activeElement !== null;
  }

  private keyDown(event: KeyboardEvent): void {
    if (event.key !== 'Escape') return;
    if (this.view?.escape?.()) event.stopPropagation();
    else if (this.frame.floating) this.shut();
  }

  /** Closes the floating panel; a call goes on. */
  private shut(): void {
    this.frame.setOpen(false);
    this.launcher.focus();
  }
}
