// The only file that touches chrome.*: what the extension needs of the browser, by our own names.
//
// It runs as a classic script in the page's isolated world, where modules cannot be loaded, and is
// imported for its effect everywhere else: both ways it leaves one global, `ext`.

/**
 * @typedef {"local" | "session" | "managed"} Area
 * @typedef {{id: number, url: string | undefined, windowId: number}} Tab `url` where we may see it
 * @typedef {{post: (message: unknown) => void, close: () => void}} Wire one end of a connection
 */

var ext = (() => {
  /** @param {chrome.tabs.Tab} tab @returns {Tab} */
  const asTab = (tab) => ({ id: tab.id ?? -1, url: tab.url, windowId: tab.windowId });

  /**
   * @param {chrome.runtime.Port} port
   * @param {(message: any) => void} hear
   * @param {() => void} gone
   * @returns {Wire}
   */
  const wire = (port, hear, gone) => {
    let open = true;
    port.onMessage.addListener((message) => hear(message));
    port.onDisconnect.addListener(() => {
      void chrome.runtime?.lastError;
      open = false;
      gone();
    });
    return {
      post: (message) => { if (open) port.postMessage(message); },
      close: () => { if (open) port.disconnect(); open = false; },
    };
  };

  /** @type {Promise<void> | null} */
  let making = null;

  const hasDesk = async () => (await chrome.runtime.getContexts({
    contextTypes: [/** @type {chrome.runtime.ContextType} */ ("OFFSCREEN_DOCUMENT")],
  })).length > 0;

  return {
    // ---- everywhere

    /** The text of a key in the browser's language. @param {string} key @param {...(string | number)} given */
    t: (key, ...given) => chrome.i18n.getMessage(key, given.map(String)) || key,

    /** The language that the texts are in, which the browser's own may lack. */
    language: () => chrome.i18n.getMessage("language"),

    /** @param {string} path */
    url: (path) => chrome.runtime.getURL(path),

    version: () => chrome.runtime.getManifest().version,

    /** False in a page whose extension was updated or removed. */
    alive: () => Boolean(chrome.runtime?.id),

    /**
     * Asks whoever answers this kind of message; undefined where nobody does.
     * @param {{to: "worker" | "desk", what: string, [more: string]: unknown}} message
     * @returns {Promise<any>}
     */
    send: (message) => chrome.runtime.sendMessage(message).catch(() => undefined),

    /**
     * @param {"worker" | "desk"} me
     * @param {(message: any, from: {tab: Tab | undefined, own: boolean}) => unknown} answer `own`: it comes from a page of the
     *   extension, not from a script in somebody else's
     */
    onMessage: (me, answer) => chrome.runtime.onMessage.addListener((message, sender, respond) => {
      if (message?.to !== me) return false;
      const own = Boolean(sender.url?.startsWith(chrome.runtime.getURL("")));
      Promise.resolve(answer(message, { tab: sender.tab && asTab(sender.tab), own })).then(respond, (error) => {
        respond(undefined);
        throw error;
      });
      return true;
    }),

    /**
     * @param {string} name
     * @param {(message: any) => void} hear
     * @param {() => void} gone
     */
    connect: (name, hear, gone) => wire(chrome.runtime.connect({ name }), hear, gone),

    /**
     * @param {string[]} names
     * @param {(name: string, end: Wire, tabId: number | undefined) => {hear: (message: any) => void, gone: () => void}} meet
     */
    onConnect: (names, meet) => chrome.runtime.onConnect.addListener((port) => {
      if (!names.includes(port.name)) return;
      /** @type {{hear: (message: any) => void, gone: () => void}} */
      const other = meet(port.name, wire(port, (message) => other.hear(message), () => other.gone()), port.sender?.tab?.id);
    }),

    // ---- pages and worker

    /** @param {Area} area @param {string} key @returns {Promise<any>} */
    load: async (area, key) => (await chrome.storage[area].get(key))[key],

    /** @param {Area} area @param {string} key @param {unknown} value undefined forgets it */
    save: (area, key, value) =>
      value === undefined ? chrome.storage[area].remove(key) : chrome.storage[area].set({ [key]: value }),

    /** @param {(area: Area, keys: string[]) => void} hear */
    onSaved: (hear) => chrome.storage.onChanged.addListener(
      (changes, area) => hear(/** @type {Area} */ (area), Object.keys(changes))),

    /** @param {string} path */
    openTab: (path) => chrome.tabs.create({ url: /^(https?|chrome):/.test(path) ? path : chrome.runtime.getURL(path) }),

    /** In front, and its window too. @param {number} id */
    showTab: async (id) => {
      const tab = await chrome.tabs.update(id, { active: true }).catch(() => undefined);
      if (tab) await chrome.windows.update(tab.windowId, { focused: true }).catch(() => undefined);
    },

    /** The tab in front. @returns {Promise<Tab | undefined>} */
    frontTab: async () => {
      const [tab] = await chrome.tabs.query({ active: true, lastFocusedWindow: true });
      return tab && asTab(tab);
    },

    /** Shortcuts by command, empty where none is set. @returns {Promise<Record<string, string>>} */
    shortcuts: async () => Object.fromEntries(
      (await chrome.commands.getAll()).map(({ name, shortcut }) => [name ?? "", shortcut ?? ""])),

    /** Needs a click. @param {string} origin */
    askForSite: (origin) => chrome.permissions.request({ origins: [`${origin}/*`] }),

    /** @param {string} origin */
    leaveSite: (origin) => chrome.permissions.remove({ origins: [`${origin}/*`] }).catch(() => false),

    /** Sites that the agent has allowed, as origins. */
    sites: async () => {
      const { origins = [] } = await chrome.permissions.getAll();
      const own = chrome.runtime.getManifest().host_permissions ?? [];
      return origins.filter((one) => !own.includes(one)).map((one) => one.replace(/\/\*$/, ""));
    },

    /** Closes this page's own tab. */
    closeMe: async () => {
      const tab = await chrome.tabs.getCurrent();
      if (tab?.id !== undefined) await chrome.tabs.remove(tab.id);
    },

    // ---- worker only

    /** Keeps what is stored from content scripts. */
    lockStorage: () => Promise.all([
      chrome.storage.local.setAccessLevel({ accessLevel: "TRUSTED_CONTEXTS" }),
      chrome.storage.session.setAccessLevel({ accessLevel: "TRUSTED_CONTEXTS" }),
    ]),

    /** @param {(tab: Tab) => void} hear */
    onClicked: (hear) => chrome.action.onClicked.addListener((tab) => hear(asTab(tab))),

    /** @param {(command: string, tab: Tab | undefined) => void} hear */
    onCommand: (hear) => chrome.commands.onCommand.addListener((command, tab) => hear(command, tab && asTab(tab))),

    /** @param {(tabId: number) => void} hear */
    onTabGone: (hear) => chrome.tabs.onRemoved.addListener((tabId) => hear(tabId)),

    /** A page begins or has finished to load, or has changed its address. @param {(tab: Tab, done: boolean) => void} hear */
    onTabLoads: (hear) => chrome.tabs.onUpdated.addListener((_, change, tab) => {
      if (change.status || change.url) hear(asTab(tab), change.status === "complete");
    }),

    /** @param {(first: boolean) => void} hear */
    onInstalled: (hear) => chrome.runtime.onInstalled.addListener(({ reason }) => hear(reason === "install")),

    /** @param {number} tabId @returns {Promise<Tab | undefined>} */
    tab: (tabId) => chrome.tabs.get(tabId).then(asTab, () => undefined),

    /** Runs classic scripts in the tab's page; false where that is not allowed. @param {number} tabId @param {string[]} files */
    inject: (tabId, files) => chrome.scripting.executeScript({ target: { tabId }, files }).then(() => true, () => false),

    /** What the tab sounds like, for `getUserMedia`; refused where the icon was not clicked. @param {number} tabId */
    streamId: (tabId) => chrome.tabCapture.getMediaStreamId({ targetTabId: tabId }),

    hasDesk,

    /** The one offscreen document. @param {string} path */
    openDesk: async (path) => {
      if (await hasDesk()) return;
      making ??= chrome.offscreen.createDocument({
        url: path,
        reasons: [chrome.offscreen.Reason.USER_MEDIA, chrome.offscreen.Reason.WEB_RTC, chrome.offscreen.Reason.AUDIO_PLAYBACK],
        justification: "Takes the sound of the call's tab and the microphone to the copilot, and plays its whispers.",
      });
      await making.finally(() => { making = null; });
    },

    /** Needs a click, and to be called first in its handler. @param {number} windowId */
    openPanel: (windowId) => chrome.sidePanel.open({ windowId }).then(() => true, () => false),

    hasPanel: async () => (await chrome.runtime.getContexts({
      contextTypes: [/** @type {chrome.runtime.ContextType} */ ("SIDE_PANEL")],
    })).length > 0,

    /** @param {string} text @param {string} colour @param {string} title */
    badge: (text, colour, title) => Promise.all([
      chrome.action.setBadgeText({ text }),
      chrome.action.setBadgeBackgroundColor({ color: colour }),
      chrome.action.setTitle({ title }),
    ]),
  };
})();
globalThis.ext = ext;
