/** The demo page: chooses an agent, shows the widget, and how to embed it. */

interface Agent {
  name: string;
  description: string;
}

const byID = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

const list = byID<HTMLSelectElement>('agent');
const place = byID('widget');

/** Shows the widget of an agent, and the lines that embed it. */
function show({ name, description }: Agent): void {
  byID('description').textContent = description;
  byID('snippet').textContent =
    `<script src="${location.origin}/widget.js" defer></script>\n` +
    `<sidetone-call agent="${name}"\n` +
    `               token-url="/my/token"></sidetone-call>`;
  byID('mint').textContent =
    `curl -s http://127.0.0.1:8081/api/v1/session-tokens \\\n` +
    `  -d '{"agent": "${name}", "origin": "https://www.example.com"}'`;
  const widget = document.createElement('sidetone-call');
  for (const [attribute, value] of Object.entries({
    agent: name,
    'token-url': `/demo/token?agent=${encodeURIComponent(name)}`,
    mode: 'inline',
  })) {
    widget.setAttribute(attribute, value);
  }
  place.replaceChildren(widget);
}

async function agents(): Promise<Agent[]> {
  const response = await fetch('/demo/agents');
  if (!response.ok) throw new Error(`${response.status} of /demo/agents`);
  return ((await response.json()) as { agents: Agent[] }).agents;
}

/** Says what keeps the page from its purpose. */
function trouble(text: string): void {
  const line = document.createElement('p');
  line.className = 'trouble';
  line.textContent = text;
  place.replaceChildren(line);
}

async function start(): Promise<void> {
  const all = await agents();
  const wanted = new URLSearchParams(location.search).get('agent');
  const first = all.find(({ name }) => name === wanted) ?? all[0];
  if (!first) return trouble('This gateway has no agents: see agents.dir in its configuration.');
  list.append(...all.map(({ name }) => new Option(name, name, false, name === first.name)));
  list.addEventListener('change', () => show(all[list.selectedIndex]!));
  show(first);
}

// Another agent in mid-call would be another call.
place.addEventListener('sidetone-state', (event) => {
  const { state } = (event as CustomEvent<{ state: string }>).detail;
  list.disabled = !['idle', 'ended', 'failed'].includes(state);
});

for (const button of document.querySelectorAll<HTMLButtonElement>('[data-copy]')) {
  button.hidden = !navigator.clipboard; // not on pages without HTTPS
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(byID(button.dataset.copy!).textContent ?? '');
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Copy'), 2000);
  });
}

start().catch(() => trouble('The list of agents could not be loaded. Is the gateway running?'));
