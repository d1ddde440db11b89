// What the page does on top of its form: the answer takes its place without a new page, a table is read here, and the
// text of a shared link comes from the fragment. Without this file everything but the table works all the same.
"use strict";
const MOST_ROWS = 200, MOST_READ = 1 << 20, MOST_CELL = 500; // rows, bytes of the file, characters
const find = (id) => document.getElementById(id);
const make = (tag, text = "", fields = {}) => Object.assign(document.createElement(tag), { textContent: text }, fields);

async function send(body, action = "/") {
  const main = find("main");
  main.ariaBusy = "true";
  try {
    const answer = await fetch(action, { method: "POST", body });
    const type = answer.headers.get("content-type") || "";
    if (!type.startsWith("text/html")) throw Error((await answer.json()).detail); // a problem of the service
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = page.querySelector("main > [data-part]"); // an answer that is only a part of the page
    if (part) find(part.id).replaceWith(part);
    else {
      main.replaceWith(page.getElementById("main"));
      document.title = page.title;
      wake();
    }
    (part || find("verdict-heading")).focus();
    if (!part) scrollTo(0, 0);
  } catch (error) {
    main.ariaBusy = "false";
    say(error instanceof TypeError ? "The server did not answer. Nothing is lost: try again." : error.message);
  }
}

function say(text) {
  const status = find("status") || document.querySelector("#ask").appendChild(make("p", "", { id: "status", role: "status" }));
  status.textContent = text;
}

function wake() { // what needs the script is shown when it is there
  for (const id of ["share", "print", "choose"]) if (find(id)) find(id).hidden = false;
}

addEventListener("submit", (event) => {
  if (event.submitter?.name === "do") return; // a download
  event.preventDefault();
  send(new URLSearchParams(new FormData(event.target, event.submitter)), event.target.getAttribute("action"));
});

addEventListener("click", async (event) => {
  if (event.target.id === "print") print();
  if (event.target.id !== "share") return;
  const said = new URLSearchParams({ t: find("text").value });
  for (const box of document.querySelectorAll("#ask [name=answer]:checked")) said.append("answer", box.value);
  const link = `${location.origin}/#${said}`;
  try {
    await navigator.clipboard.writeText(link);
    say("Copied. The text is in the part after #, which is sent to no server.");
  } catch {
    prompt("The link", link);
  }
});

addEventListener("change", async (event) => {
  if (event.target.id !== "file") return;
  const file = event.target.files[0];
  document.querySelector("#ask [name=table]")?.remove();
  find("rows").replaceChildren();
  if (file) offer(parse(decode(await file.slice(0, MOST_READ).arrayBuffer()), file.size > MOST_READ));
});

// UTF-8, or what the byte order mark says, or else what spreadsheets of western languages write.
function decode(bytes) {
  const [first, second] = new Uint8Array(bytes);
  const marked = first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(marked, { fatal: true }).decode(bytes, { stream: true }); // the last sign may be cut in two
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

// The rows of a CSV (RFC 4180), by the mark that its first line holds most of.
function parse(text, cut) {
  const first = text.slice(0, text.search(/[\r\n]|$/));
  const mark = [",", ";", "\t", "|"].reduce((a, b) => (first.split(b).length > first.split(a).length ? b : a));
  const rows = [];
  let row = [], cell = "", quoted = false, whole = false;
  const close = () => { row.push(cell.slice(0, MOST_CELL)); cell = ""; };
  const end = () => { close(); if (row.length > 1 || row[0]) rows.push(row); row = []; };
  for (let at = 0; at < text.length && rows.length <= MOST_ROWS; at++) {
    const c = text[at];
    whole = false;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[at + 1] === '"') cell += text[++at];
      else quoted = false;
    } else if (c === '"' && !cell) quoted = true;
    else if (c === mark) close();
    else if (c === "\n") { end(); whole = true; }
    else if (c !== "\r") cell += c;
  }
  if (!whole && !cut && rows.length <= MOST_ROWS) end(); // a last line without its break; half a line is no row
  const columns = rows.shift() || [];
  const even = rows.map((cells) => columns.map((_, n) => (cells[n] ?? "") || null));
  return { columns, rows: even.slice(0, MOST_ROWS) };
}

// The user sees every row that would travel, and says so; until then none does.
function offer(table) {
  const most = Number(find("file").dataset.most);
  const size = () => new URLSearchParams({ t: JSON.stringify(table) }).toString().length;
  while (table.rows.length && size() > most) table.rows.length = Math.floor(table.rows.length * 0.8);
  if (!table.rows.length) return void find("rows").append(make("p", "No rows with a header line above them were found in this file."));
  const shown = document.createElement("table");
  const named = (sign) => `[U+${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`;
  const seen = (cell) => (cell ?? "").replace(/[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, named); // as markup.py
  const line = (cells, tag) => { const row = make("tr"); row.append(...cells.map((cell) => make(tag, seen(cell)))); return row; };
  const head = make("thead"), body = make("tbody");
  head.append(line(table.columns, "th"));
  body.append(...table.rows.map((cells) => line(cells, "td")));
  shown.append(head, body);
  const scrolls = make("div", "", { className: "scrolls", tabIndex: 0, role: "region", ariaLabel: "Rows that would be sent" });
  scrolls.append(shown);
  const agree = make("label"), box = make("input", "", { type: "checkbox", id: "agree" });
  agree.append(box, make("span", `Send these ${table.rows.length} rows (and nothing else of the file) with the text.`));
  box.onchange = () => {
    document.querySelector("#ask [name=table]")?.remove();
    if (box.checked) find("ask").append(make("input", "", { type: "hidden", name: "table", value: JSON.stringify(table) }));
  };
  find("rows").append(scrolls, agree);
}

function fromLink() {
  const said = new URLSearchParams(location.hash.slice(1));
  if (!said.get("t")) return;
  const body = new URLSearchParams({ text: said.get("t") });
  for (const answer of said.getAll("answer")) body.append("answer", answer);
  send(body);
}
addEventListener("hashchange", fromLink);
wake();
fromLink();
