/** The widget's style, adopted by its shadow tree: no policy for inline style is needed. */

import controls from './styles/controls.css';
import frame from './styles/frame.css';
import theme from './styles/theme.css';
import views from './styles/views.css';

let shared: CSSStyleSheet | undefined;

/** The style sheet of all widgets of the page. */
export function sheet(): CSSStyleSheet {
  if (!shared) {
    shared = new CSSStyleSheet();
    shared.replaceSync([theme, frame, controls, views].join('\n'));
  }
  return shared;
}
