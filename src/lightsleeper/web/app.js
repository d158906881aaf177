/** The page's beginning: wires the panels to each other and fills the footer. */

import { byId } from "./dom.js";
import { mountFacts } from "./facts.js";
import { mountKey } from "./key.js";
import { mountMany } from "./many.js";
import { mountOne } from "./one.js";
import { mountTabs } from "./tabs.js";
import { mountTheme } from "./theme-switch.js";

mountTheme();
const showTab = mountTabs();
const one = mountOne();
const many = mountMany({
  openText: (text) => {
    showTab("one");
    one.showText(text);
    byId("text").focus();
  },
});
const facts = mountFacts((model) => {
  one.setLabels(model.labels);
  many.setModel(model);
});
mountKey(() => {
  facts.reload();
  one.askAgain();
  many.goOn();
});
