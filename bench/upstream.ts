/**
 * The service behind both the pair and the baseline: answers each GET with one JSON record of 1 KiB. Its
 * answer is made once and written to the bare socket, so that it costs little on the shared processors.
 */
import { createServer } from 'node:net';

const record = {
  id: 'r-000001',
  name: '欧阳示例',
  idNumber: '11010119900307751X',
  phone: '13800138000',
  email: 'ouyang@registry.example',
  address: { province: '示例省', city: '示例市', district: '示例区', street: '示例路 1 号' },
  income: { year: 2025, amount: 123456.78 },
  notes: '',
};
record.notes = 'x'.repeat(1024 - Buffer.byteLength(JSON.stringify(record)));
const body = JSON.stringify(record);
const head = ['HTTP/1.1 200 OK', 'content-type: application/json', 'content-length: 1024', '', ''];
const answer = Buffer.from(head.join('\r\n') + body);

const server = createServer({ noDelay: true }, (socket) => {
  let held = '';
  socket.on('data', (chunk) => {
    const requests = (held + chunk.toString('latin1')).split('\r\n\r\n');
    held = requests.pop() ?? '';
    for (const _ of requests) socket.write(answer);
  });
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  process.send?.({ url: `http://127.0.0.1:${port}` });
});
process.on('disconnect', () => process.exit(0));
