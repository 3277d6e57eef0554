export const statusText = (s: unknown, _n: number): string => JSON.stringify(s);
