// Elements from plain calls: text is always text, never markup.

/** An element with properties (those with a dash, and `class`, as attributes) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "class") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Text with `code` in backticks. */
export function words(text) {
  return text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

/** Paragraphs and lists, from text as it stands in docstrings. */
export function prose(text) {
  const blocks = text.trim().split(/\n\s*\n/).filter(Boolean).map((block) => {
    const lines = block.split("\n");
    if (!lines.every((line) => line.startsWith("- "))) return make("p", {}, words(block));
    return make("ul", {}, lines.map((line) => make("li", {}, words(line.slice(2)))));
  });
  return make("div", { class: "prose" }, blocks);
}

/** A line to copy, with its title and a button. */
export function copyable(title, text) {
  const button = make("button", { class: "button", type: "button", "aria-label": `Copy: ${title}` }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return make("figure", { class: "line" }, make("figcaption", {}, title), make("pre", {}, text), button);
}

/** A new ULID: 48 bits of time, 80 of randomness. */
export function ulid() {
  const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  let time = "";
  for (let rest = Date.now(), at = 0; at < 10; at += 1, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  return time + [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => alphabet[byte % 32]).join("");
}
