/** What all views are and have. */

import type { Choice, Field } from '../channel';
import type { Session } from '../session';
import type { Strings } from '../strings';

/** One view of the panel: what is shown in some phases of a session. */
export interface View {
  readonly element: HTMLElement;
  /** Shows a state of the session; called at least once. */
  update(session: Session): void;
  /** Moves the keyboard's focus to where the view begins. */
  focus(): void;
  /** Closes what is open within the view; false when nothing is. */
  escape?(): boolean;
  /** Shows how loud both sides are, from 0 to 1. */
  meter?(levels: { visitor: number; agent: number }): void;
}

/** What a visitor can do. */
export interface Actions {
  start(typing: boolean): void;
  cancel(): void;
  choose(choice: Choice, about?: Partial<Record<Field, string>>): void;
  say(text: string): boolean;
  typing(): void;
  press(digit: string): void;
  mute(on: boolean): void;
  useMicrophone(): void;
  unblock(): void;
  hangUp(): void;
}

/** What a view is made with. */
export interface Surroundings {
  actions: Actions;
  strings: Strings;
  /** Another call can be placed: the page has a way to new tokens. */
  again: boolean;
}
