/** Imported before a test file: ended from outside, it still runs what it has for its end. */
process.once('SIGTERM', () => process.exit(143));
