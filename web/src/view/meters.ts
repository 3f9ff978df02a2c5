/** Meters: bars that rise with a level. For the eye alone. */

import { h } from './dom';

/** How much of the level each bar shows, so that they look like a voice. */
const shares = [0.45, 0.8, 1, 0.7, 0.4];

export function meterBars(): HTMLElement {
  return h('span', { class: 'bars', 'aria-hidden': 'true' }, ...shares.map(() => h('span')));
}

/** Shows a level from 0 to 1. The style object is not an inline style: no policy forbids it. */
export function showLevel(bars: HTMLElement, level: number): void {
  shares.forEach((share, i) => {
    const bar = bars.children[i] as HTMLElement;
    bar.style.transform = `scaleY(${(0.16 + 0.84 * level * share).toFixed(2)})`;
  });
}
