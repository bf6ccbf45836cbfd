// The reference: renders the contract that the server publishes at /openapi.json.

import { copyable, make, prose, words } from "./dom.js";

const contract = await (await fetch("/openapi.json")).json();
const page = document.getElementById("page");
const operations = Object.entries(contract.paths)
  .map(([path, methods]) => ({ path, ...methods.post }))
  .sort((one, other) => one.path.localeCompare(other.path));

const resolve = (schema) => (schema?.$ref ? schema.$ref.slice(2).split("/").reduce((at, name) => at[name], contract) : schema);
const nameOf = (schema) => schema.$ref?.split("/").at(-1);

/** A type in words, with links to those that have a name. */
function spoken(schema) {
  if (schema.$ref) return [make("a", { href: `#schema/${nameOf(schema)}` }, nameOf(schema))];
  if (schema.anyOf) return schema.anyOf.flatMap((each, index) => [...(index ? [" or "] : []), ...spoken(each)]);
  if (schema.enum) return [schema.enum.map((each) => JSON.stringify(each)).join(", ")];
  if ("const" in schema) return [JSON.stringify(schema.const)];
  if (schema.type === "array") return ["list of ", ...spoken(schema.items ?? {})];
  return [schema.format === "date-time" ? "date and time" : schema.type ?? "anything"];
}

function limits(schema) {
  const known = { minLength: "length at least %s", maxLength: "length at most %s", minimum: "at least %s", maximum: "at most %s", maxItems: "at most %s items", pattern: "matches `%s`" };
  const said = Object.entries(known).filter(([name]) => name in schema).map(([name, text]) => text.replace("%s", schema[name]));
  if (schema.default !== undefined && schema.default !== null) said.push(`\`${JSON.stringify(schema.default)}\` unless said`);
  if (schema["x-sensitivity"]) said.push(schema["x-sensitivity"]);
  return said.join(", ");
}

function table(heads, rows) {
  if (!rows.length) return make("p", { class: "lead" }, "None.");
  const cells = (row) => row.map((cell) => make("td", {}, cell));
  const head = make("thead", {}, make("tr", {}, heads.map((text) => make("th", { scope: "col" }, text))));
  return make("div", { class: "card scroll" }, make("table", {}, head, make("tbody", {}, rows.map((row) => make("tr", {}, cells(row))))));
}

function fields(schema, answered = false) {
  const needed = new Set(schema.required ?? []);
  const always = answered ? "Always there" : "Needed";
  return table(["Field", "Type", always, ""], Object.entries(schema.properties ?? {}).map(([name, each]) => [
    make("code", {}, name), spoken(each), needed.has(name) ? "yes" : "no",
    [each.description, limits(each)].filter(Boolean).map((text) => make("p", {}, words(text))),
  ]));
}

function section(title, ...children) {
  return make("section", {}, make("h2", {}, title), ...children);
}

/** An example of a type: what is needed, and nothing else. */
function sample(schema, name = "") {
  const whole = resolve(schema);
  if (whole.properties) {
    const needed = Object.entries(whole.properties).filter(([field]) => whole.required?.includes(field));
    return Object.fromEntries(needed.map(([field, each]) => [field, sample(each, field)]));
  }
  if (whole.anyOf) return sample(whole.anyOf[0], name);
  if (whole.enum) return whole.enum[0];
  if (whole.type === "array") return [sample(whole.items ?? {}, name)];
  if (whole.type === "integer") return whole.minimum ?? 1;
  if (whole.type === "boolean") return false;
  return whole.pattern?.startsWith("^[0-7]") ? "01J…" : name === "email" ? "you@example.com" : "…";
}

function curl(operation) {
  const lines = [`curl ${location.origin}${operation.path}`, `-H 'Content-Type: application/json'`];
  if (operation.security.some((way) => way.token) && !operation.security.some((way) => !way.token)) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  if (headers(operation).some((each) => each.name === "Idempotency-Key" && each.required)) lines.push(`-H "Idempotency-Key: $(uuidgen)"`);
  const body = sample(operation.requestBody.content["application/json"].schema);
  return [...lines, `-d '${JSON.stringify(body)}'`].join(" \\\n  ");
}

const headers = (operation) => operation.parameters.map(resolve);

function showOperation(operation) {
  const body = operation.requestBody.content["application/json"].schema;
  const answer = operation.responses["200"].content["application/json"].schema;
  const guest = operation.security.some((way) => !way.token);
  const roles = operation["x-roles"] ?? [];
  const problems = Object.entries(operation.responses).filter(([status]) => status !== "200").map(([status, each]) => [
    make("span", { class: "chip", "data-tone": status < 500 ? "warn" : "bad" }, status), prose(resolve(each).description)]);
  page.replaceChildren(
    heading(operation, guest, roles),
    section("Headers", table(["Header", "Needed", ""], headers(operation).map((each) => [
      make("code", {}, each.name), each.required ? "yes" : "no", words(each.description)]))),
    section("Body", fields(resolve(body))),
    section("Answer", fields(resolve(answer), true)),
    make("div", { class: "card" }, copyable("Example", curl(operation))),
    section("Problems", table(["Status", "Meaning"], problems)));
}

function heading(operation, guest, roles) {
  const who = guest ? ["anybody"] : roles.length ? roles : ["as its items say"];
  return make("section", {},
    make("h1", {}, operation.summary),
    make("div", { class: "path" }, make("span", { class: "chip", "data-tone": "accent" }, "POST"), make("code", {}, operation.path)),
    prose(operation.description),
    make("div", { class: "chips" }, make("span", { class: "chip" }, "asked by"), who.map((role) => make("span", { class: "chip", "data-tone": "good" }, role))));
}

function showSchema(name) {
  const schema = contract.components.schemas[name];
  const shape = schema.properties ? fields(schema) : make("p", {}, ...spoken(schema), " ", words(limits(schema)));
  page.replaceChildren(make("section", {}, make("h1", {}, name), schema.description ? prose(schema.description) : null), section("Fields", shape));
}

function showBeginning() {
  const byModule = contract.tags.map((tag) => {
    const own = operations.filter((each) => each.tags.includes(tag.name));
    return section(tag.name, tag.description ? make("p", { class: "lead" }, tag.description) : null,
      table(["Operation", ""], own.map((each) => [make("a", { href: `#${each.operationId}` }, each.path), each.summary])));
  }).filter((each) => each.querySelector("table"));
  page.replaceChildren(make("section", {}, make("h1", {}, `${contract.info.title}, version ${contract.info.version}`), prose(contract.info.description)), ...byModule);
}

function showSide(filter = "") {
  const groups = contract.tags.map((tag) => {
    const own = operations.filter((each) => each.tags.includes(tag.name) && each.path.includes(filter.trim().toLowerCase()));
    return own.length ? [make("h2", {}, tag.name), make("ul", {}, own.map(link))] : [];
  });
  document.getElementById("operations").replaceChildren(...groups.flat());
  mark();
}

function link(operation) {
  const [, kind, type] = operation.path.split("/");
  return make("li", {}, make("a", { class: "choice plain", href: `#${operation.operationId}` }, type ?? `several ${kind}`));
}

function mark() {
  const current = location.hash.slice(1);
  for (const each of document.querySelectorAll("#operations a")) {
    each.setAttribute("aria-current", String(each.hash.slice(1) === current));
  }
}

function show() {
  const [first, second] = decodeURIComponent(location.hash.slice(1)).split("/");
  const operation = operations.find((each) => each.operationId === first);
  if (operation) showOperation(operation);
  else if (first === "schema" && contract.components.schemas[second]) showSchema(second);
  else showBeginning();
  mark();
  scrollTo(0, 0);
}

document.getElementById("product").textContent = contract.info.title;
document.title = `Reference · ${contract.info.title}`;
document.getElementById("find").addEventListener("input", (event) => showSide(event.target.value));
addEventListener("hashchange", show);
showSide();
show();
