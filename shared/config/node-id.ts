/** What node ids look like; they name lanes, certificates and spool files. */
export const nodeIdPattern: RegExp = /^[a-z0-9][a-z0-9-]{0,62}$/;
