// The tenant's first page: who you are, lines to copy, and your own audit, asked for every second over the public wire.

import { copyable, make, ulid } from "./dom.js";

const EVERY = 1000;
const MOST = 200;
const AUDIT = "list-my-invocations";
const TONES = { accepted: "good", answered: "good", rejected: "warn", refused: "warn", faulted: "bad" };

const at = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

let here = { product: "", tenant: "", people: [], examples: [] };
let session = null;
let newest = "";
let timer = 0;
const scopes = new Map();

class Refused extends Error {
  constructor(status, problem) {
    super(problem?.key ?? `status ${status}`);
    this.status = status;
  }
}

async function ask(path, body, headers = {}) {
  const sent = { "Content-Type": "application/json", ...headers };
  if (session) sent.Authorization = `Bearer ${session.accessToken}`;
  const response = await fetch(path, { method: "POST", headers: sent, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Refused(response.status, answer);
  return answer.answer;
}

const command = (type, body) => ask(`/commands/${type}`, body, { "Idempotency-Key": ulid() });
const query = (type, body, scope) => ask(`/queries/${type}`, body, scope ? { "Osteon-Scope": scope } : {});

// Who you are.

async function become(person) {
  clearTimeout(timer);
  session = null;
  session = { person, ...(await command("log-in", { email: person.email, password: person.password })) };
  newest = "";
  document.querySelectorAll(".row").forEach((row) => row.remove());
  at("nothing").hidden = false;
  at("log-in").hidden = true;
  sessionStorage.setItem("email", person.email);
  showPerson(person);
  showLines(person);
  await nameScopes(person);
  look();
}

async function choose(person) {
  try {
    await become(person);
  } catch (fault) {
    tell("lost", fault instanceof Refused ? `Not logged in: ${fault.message}` : "The server does not answer");
  }
}

function showPeople() {
  at("people").hidden = false;
  at("people").querySelector("ul").replaceChildren(...here.people.map((person) => {
    const initials = person.name.split(" ").map((word) => word[0]).join("").slice(0, 2);
    const button = make("button", { class: "choice", type: "button", "data-email": person.email },
      make("span", { class: "avatar", "aria-hidden": "true" }, initials), make("span", {}, make("bdi", {}, person.name)),
      make("small", {}, person.roles.map(spoken).join(", ")));
    button.addEventListener("click", () => choose(person));
    return make("li", {}, button);
  }));
}

function showPerson(person) {
  for (const button of document.querySelectorAll(".choice[data-email]")) {
    button.setAttribute("aria-current", String(button.dataset.email === person.email));
    if (button.dataset.email === person.email) button.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  at("title").textContent = person.name ?? person.email;
  at("lead").textContent = "Whatever you ask, from here or from a terminal, is recorded, and shows below within a second.";
  at("roles").replaceChildren(...person.roles.map((role) => make("span", { class: "chip", "data-tone": "accent" }, spoken(role))));
}

function spoken(role) {
  return role.path.length ? `${role.role} in ${role.path.join(" › ")}` : `${role.role} everywhere`;
}

async function nameScopes(person) {
  for (const role of person.roles) {
    const page = await query("list-scopes", { limit: 100 }, role.scope).catch(() => ({ items: [] }));
    for (const scope of page.items) scopes.set(scope.scope, scope.name);
  }
}

// Lines to copy.

function showLines(person) {
  const strongest = person.roles.find((role) => role.role !== "reader") ?? person.roles[0];
  const within = strongest?.path.length ? strongest.scope : null;
  const lines = [["Log in", logIn(person)], ...here.examples.map((each) => [each.title, example(each, within)])];
  at("lines").replaceChildren(...lines.map(([title, text]) => make("li", {}, copyable(title, text))));
}

function logIn(person) {
  const body = { email: person.email, password: person.password ?? "…" };
  return `TOKEN=$(${curl("/commands/log-in", body, ulid())} | sed 's/.*"accessToken":"\\([^"]*\\)".*/\\1/')`;
}

function example(each, within) {
  const key = each.kind === "command" ? ulid() : null;
  return curl(`/${each.kind === "command" ? "commands" : "queries"}/${each.type}`, each.fields, key, within, true);
}

function curl(path, body, key, within = null, proved = false) {
  const parts = [`curl -s ${location.origin}${path}`];
  if (proved) parts.push(`-H "Authorization: Bearer $TOKEN"`);
  parts.push(`-H 'Content-Type: application/json'`);
  if (key) parts.push(`-H 'Idempotency-Key: ${key}'`);
  if (within) parts.push(`-H 'Osteon-Scope: ${within}'`);
  return [...parts, `-d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`].join(" ");
}

// What you did.

async function look() {
  const asking = session;
  try {
    const found = await unseen();
    if (asking !== session) return;
    found.reverse().forEach(show);
    tell("live", "Live");
  } catch (fault) {
    if (asking !== session) return;
    if (fault instanceof Refused && fault.status === 401) await renew().catch(() => tell("lost", "Choose again who you are"));
    else tell("lost", "The server does not answer, trying again");
  }
  if (session && !document.hidden) timer = setTimeout(look, EVERY);
}

async function unseen() {
  const found = [];
  let cursor = null;
  do {
    const page = await query(AUDIT, { limit: found.length ? 100 : 20, cursor });
    const fresh = page.items.filter((each) => each.invocation > newest);
    found.push(...fresh);
    cursor = fresh.length === page.items.length && found.length < MOST ? page.next : null;
  } while (cursor);
  if (found.length) newest = found[0].invocation;
  return found;
}

async function renew() {
  const { person, refreshToken } = session;
  session = null;
  session = { person, ...(await command("refresh-session", { refreshToken })) };
}

/** Shows one invocation on top; what this page asks every second is one row with a count. */
function show(invocation) {
  const first = document.querySelector(".row");
  at("nothing").hidden = true;
  if (first && invocation.type === AUDIT && first.dataset.type === AUDIT) {
    fill(first, invocation, Number(first.dataset.count) + 1);
    return;
  }
  const row = make("details", { class: "row new" }, make("summary"), make("pre"));
  at("audit").querySelector(".row-head").after(row);
  fill(row, invocation, 1);
  [...document.querySelectorAll(".row")].slice(MOST).forEach((old) => old.remove());
}

function fill(row, invocation, count) {
  row.dataset.type = invocation.type;
  row.dataset.count = count;
  const when = new Date(invocation.at);
  const detail = invocation.rows === null ? invocation.kind : `${invocation.kind}, ${invocation.rows} rows`;
  const outcome = invocation.problem?.key ?? invocation.outcome;
  row.querySelector("summary").replaceChildren(
    make("time", { dateTime: invocation.at, title: when.toLocaleString() }, clock.format(when)),
    make("span", { class: "what" }, invocation.type, make("small", {}, count > 1 ? `${detail} · ${count} times` : detail)),
    make("span", { class: "where" }, make("bdi", {}, place(invocation.context.scope.path))),
    make("span", { class: "outcome" }, make("span", { class: "chip", "data-tone": TONES[invocation.outcome] ?? "" }, outcome)));
  row.querySelector("pre").textContent = JSON.stringify(invocation, null, 2);
}

function place(path) {
  const names = path.map((scope) => scopes.get(scope)).filter(Boolean);
  return names.length ? names.join(" › ") : "everywhere";
}

function tell(state, text) {
  at("state").dataset.state = state;
  if (at("state").textContent !== text) at("state").textContent = text;
}

// Beginning, and resting while nobody looks.

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!session) return;
  if (document.hidden) tell("paused", "Paused");
  else look();
});

at("log-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { email, password } = Object.fromEntries(new FormData(event.target));
  try {
    await become({ email, password, roles: [] });
  } catch (fault) {
    at("refused").textContent = fault instanceof Refused && fault.status === 401
      ? "This address and password do not belong together." : "The server does not answer.";
  }
});

here = await (await fetch("/tenant.json")).json();
document.title = `${here.tenant} · ${here.product}`;
at("product").textContent = here.product;
at("tenant").textContent = here.tenant;
const known = here.people.find((person) => person.email === sessionStorage.getItem("email"));
if (here.people.length) {
  showPeople();
  showLines(here.people[0]);
} else {
  at("title").textContent = "Log in";
  at("lead").textContent = "Whatever you ask from then on, from here or from a terminal, is recorded, and shows below within a second.";
  at("log-in").hidden = false;
  showLines({ email: "you@example.com", roles: [] });
}
if (known) await choose(known);
