/** widget.js: defines <sidetone-call>. */

import { SidetoneCall } from './element';

// A module has no current script; there the attribute says where the gateway is.
const script = document.currentScript as HTMLScriptElement | null;
if (script?.src) SidetoneCall.gateway = new URL('.', script.src).href;

if (!customElements.get('sidetone-call')) customElements.define('sidetone-call', SidetoneCall);
