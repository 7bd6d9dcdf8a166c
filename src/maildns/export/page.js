"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const data = JSON.parse(document.getElementById("data").textContent);
  const picker = document.getElementById("form");
  const said = document.getElementById("said");
  const boxes = [...document.querySelectorAll("input[data-id]")];

  // What was ticked, and the form, are remembered in this browser alone.
  const store = {
    get(key) { try { return localStorage.getItem("maildns:" + key); } catch { return null; } },
    set(key, value) {
      try {
        if (value === null) localStorage.removeItem("maildns:" + key);
        else localStorage.setItem("maildns:" + key, value);
      } catch { /* private windows may refuse */ }
    },
  };

  const element = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const field = (key, text) => {
    const box = element("div", "field " + key);
    box.append(element("dt", "", data.labels[key]));
    const dd = element("dd");
    if (text === "") dd.append(element("em", "", "leave it empty"));
    else {
      dd.append(element("code", "", text));
      box.append(dd);
      if (/^\d{1,10}$/.test(text)) return box; // quicker typed than copied
      const button = element("button", "copy", "Copy");
      button.type = "button";
      button.setAttribute("aria-label", "Copy " + data.labels[key]);
      dd.append(button);
    }
    box.append(dd);
    return box;
  };

  const show = (key) => {
    const at = data.forms.findIndex((form) => form.key === key);
    if (at < 0) return;
    const form = data.forms[at];
    for (const [id, looks] of Object.entries(data.records)) {
      const look = data.looks[looks[at]];
      const card = document.getElementById("r-" + id);
      const fields = card.querySelector(".fields");
      fields.replaceChildren(...look.fields.map(([name, text]) => field(name, text)));
      const remark = card.querySelector(".remark");
      remark.textContent = look.remark;
      remark.className = "remark" + (look.refused ? " refused" : "") + (look.remark ? "" : " hidden");
    }
    document.getElementById("form-note").textContent = form.note;
    const source = document.getElementById("form-source");
    source.textContent = form.source;
    document.getElementById("note").className = form.note || form.source ? "note" : "note hidden";
  };

  const count = () => {
    const done = boxes.filter((box) => box.checked).length;
    document.getElementById("done").textContent = done + " of " + boxes.length + " done";
    const meter = document.getElementById("meter");
    meter.max = Math.max(boxes.length, 1);
    meter.value = done;
  };

  const mark = (box) => {
    box.closest(".rec").classList.toggle("done", box.checked);
    count();
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { /* a page from a file may not: try the old way */ }
    const area = element("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    let worked = false;
    try { worked = document.execCommand("copy"); } catch { worked = false; }
    area.remove();
    return worked;
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const code = button.parentElement.querySelector("code");
    const worked = await copy(code.textContent);
    button.textContent = worked ? "Copied" : "Select";
    button.classList.toggle("copied", worked);
    said.textContent = worked ? "Copied: " + code.textContent : "Copying is not allowed; the text is selected";
    button.focus();
    if (!worked) getSelection().selectAllChildren(code);
    setTimeout(() => { button.textContent = "Copy"; button.classList.remove("copied"); }, 1800);
  });

  for (const box of boxes) {
    box.checked = store.get(box.dataset.id) === "1";
    box.addEventListener("change", () => {
      store.set(box.dataset.id, box.checked ? "1" : null);
      mark(box);
    });
    mark(box);
  }
  count();

  picker.addEventListener("change", () => { store.set("form", picker.value); show(picker.value); });
  const known = store.get("form");
  if (!data.chosen && known && data.forms.some((form) => form.key === known)) picker.value = known;
  show(picker.value);
  document.getElementById("print").addEventListener("click", () => print());
})();
