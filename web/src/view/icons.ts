/** Icons, drawn on a grid of 24 by lines of the text's colour. */

const svg = 'http://www.w3.org/2000/svg';

const paths = {
  microphone: 'M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3Z M5 11v1a7 7 0 0 0 14 0v-1 M12 19v3',
  muted: 'M15 9.5V6a3 3 0 0 0-5.7-1.3 M9 9v3a3 3 0 0 0 4.6 2.5 M5 11v1a7 7 0 0 0 11.5 5.4 M19 11v1a7 7 0 0 1-.5 2.6 M12 19v3 M4 3l16 18',
  keypad: 'M6 5h.01 M12 5h.01 M18 5h.01 M6 11h.01 M12 11h.01 M18 11h.01 M6 17h.01 M12 17h.01 M18 17h.01',
  hangUp: 'M3 15.5c0-1.2.3-2.3 1.2-3.1C6.3 10.6 9 9.7 12 9.7s5.7.9 7.8 2.7c.9.8 1.2 1.9 1.2 3.1 0 .9-.8 1.5-1.6 1.3l-3-.7a1.4 1.4 0 0 1-1.1-1.4v-1.5a9 9 0 0 0-6.6 0v1.5c0 .7-.5 1.2-1.1 1.4l-3 .7c-.8.2-1.6-.4-1.6-1.3Z',
  send: 'M12 20V5 M5.5 11.5 12 5l6.5 6.5',
  minimise: 'm6 9.5 6 6 6-6',
  close: 'M6 6l12 12 M18 6 6 18',
  copy: 'M9 9h10v11H9Z M5 15V4h10',
  download: 'M12 4v11 M7 10.5l5 5 5-5 M5 20h14',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  warning: 'M12 8.5v4.5 M12 16.5h.01 M10.3 4.5 2.9 17.3A2 2 0 0 0 4.6 20.3h14.8a2 2 0 0 0 1.7-3L13.7 4.5a2 2 0 0 0-3.4 0Z',
  wave: 'M4 10.5v3 M8 7v10 M12 4v16 M16 8v8 M20 10.5v3',
} as const;

export type Icon = keyof typeof paths;

/** An icon, for the eye alone: what it means stands beside it or in a label. */
export function icon(name: Icon): SVGSVGElement {
  const image = document.createElementNS(svg, 'svg');
  for (const [attribute, value] of Object.entries({
    viewBox: '0 0 24 24',
    class: `icon icon-${name}`,
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': name === 'keypad' ? '2.8' : '1.8',
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
    'aria-hidden': 'true',
  })) {
    image.setAttribute(attribute, value);
  }
  const path = document.createElementNS(svg, 'path');
  path.setAttribute('d', paths[name]);
  image.append(path);
  return image;
}
