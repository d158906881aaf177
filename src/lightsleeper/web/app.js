/** The page's beginning: wires the panels to each other and fills the footer. */

import { byId } from "./shared/dom.js";
import { mountFacts } from "./shared/facts.js";
import { mountKey } from "./shared/key.js";
import { mountMany } from "./many/many.js";
import { mountOne } from "./one/one.js";
import { mountTabs } from "./shared/tabs.js";
import { mountTheme } from "./shared/theme-switch.js";

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
  one.setModel(model);
  many.setModel(model);
});
mountKey(() => {
  one.askAgain();
  facts.reload().then(many.goOn);
});
