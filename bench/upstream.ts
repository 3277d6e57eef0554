/** The service behind both the pair and the baseline: answers each GET with one JSON record of 1 KiB. */
import { createServer } from 'node:http';

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
const body = Buffer.from(JSON.stringify(record));

const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  process.send?.({ url: `http://127.0.0.1:${port}` });
});
process.on('disconnect', () => process.exit(0));
