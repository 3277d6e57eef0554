/**
 * Asks the plug-ins of a folder as the process of a node does, with secrets, and tells the answers and what
 * is left waiting: `host-probe.ts DIR SECRETS ASKS`
 */
import { createPluginHost } from '@sallyport/shared/plugins/host.ts';

const [dir = '', secretsDir, asks = ''] = process.argv.slice(2);
const host = createPluginHost(dir, secretsDir);
const given = JSON.parse((await host.answer(Buffer.from(asks))).toString());
const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
await host.close();
console.log(JSON.stringify({ given, timers }));
