/**
 * The process of the plug-ins without a node, for the command line: `alone.ts DIR`. It is confined as in a
 * node, is asked on its descriptor 3, and ends when that closes.
 */
import { Socket } from 'node:net';
import { createPluginHost } from '../../plugins/host.ts';
import { createPeer } from '../ipc/peer.ts';
import { pluginVerbs } from './verbs.ts';

process.title = 'sallyport-plugins';
const host = createPluginHost(process.argv[2] ?? '', undefined);
createPeer(new Socket({ fd: 3 }), pluginVerbs(host), () => process.exit());
