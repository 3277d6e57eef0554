/** The part of limits.ts that is about plug-ins. */
export const pluginLimits = {
  pluginBytesMax: 256 * 1024,
  pluginFilesMax: 32,
  pluginSecretsMax: 64,
  pluginOptionsBytesMax: 16 * 1024,
  pluginHeadersMax: 8,
  pluginHeapMbMax: 64,
  pluginStartMs: 30_000,
  /** For all values of one document. */
  pluginCallMs: 3_000,
  /** Until the guard gives up: a start, and a line of others before. */
  pluginAnswerMs: 60_000,
  pluginAskBytesMax: 8 * 1024 * 1024,
  pluginAnswerBytesMax: 8 * 1024 * 1024,
  pluginTextMax: 4096,
  pluginSpansMax: 64,
  pluginQueueMax: 256,
  pluginFailuresMax: 3,
  pluginRestMs: 5_000,
  /** How old a look at the folder may be. */
  pluginLookMs: 1_000,
  pluginFolderCheckMs: 5_000,
  pluginOptionsKept: 64,
  pluginExamplesShownMax: 16,
} as const;
