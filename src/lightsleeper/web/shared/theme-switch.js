/** Light, dark, or as the system has it. `theme.js` applies a stored choice before the first paint. */

import { byId } from "./dom.js";

const CHOICES = ["auto", "light", "dark"];

export function mountTheme() {
  const button = byId("theme");
  let chosen = document.documentElement.dataset.theme ?? "auto";
  const draw = () => (button.textContent = `Theme: ${chosen}`);
  button.addEventListener("click", () => {
    chosen = CHOICES[(CHOICES.indexOf(chosen) + 1) % CHOICES.length];
    document.documentElement.dataset.theme = chosen;
    localStorage.setItem("theme", chosen);
    draw();
  });
  draw();
}
