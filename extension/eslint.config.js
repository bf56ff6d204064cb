import globals from "globals";

const own = { ext: "readonly", copilotCard: "readonly", copilotStyle: "readonly", copilotPlace: "readonly" };
const rules = {
  "no-undef": "error",
  "no-unused-vars": "error",
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-new-func": "error",
  "no-var": "error",
  "no-shadow": "error",
  "prefer-const": "error",
  eqeqeq: "error",
  "no-restricted-syntax": ["error", {
    selector: "AssignmentExpression[left.property.name=/^(inner|outer)HTML$/]",
    message: "Text is set as text, never as markup.",
  }],
};

export default [
  { ignores: ["node_modules/"] },
  { languageOptions: { ecmaVersion: 2024, globals: { ...globals.browser, ...own } }, rules },
  // one file touches the browser's own interface
  { files: ["ext.js"], languageOptions: { globals: { chrome: "readonly" } } },
  // classic scripts leave a global behind
  { files: ["ext.js", "overlay/*.js"], languageOptions: { sourceType: "script" }, rules: { "no-var": "off", "no-redeclare": "off" } },
];
