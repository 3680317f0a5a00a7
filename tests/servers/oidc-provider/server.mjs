// A certified OpenID provider for the tests, in one of two forms:
//
//   node server.mjs one-redirect   the enrolment is one redirect, needs no cookie; no DPoP, no PAR
//   node server.mjs hops           the enrolment goes over /interaction/..., cookies are mandatory; DPoP, PAR
//
// Listens on a free port of 127.0.0.1 and prints `listening PORT`. Ends when its standard input ends, so that it
// never outlives the test that started it.

import { createServer } from 'node:http';

import { makeProvider } from './provider.mjs';

const FORMS = ['one-redirect', 'hops'];

const form = process.argv[2];
if (!FORMS.includes(form)) {
  console.error(`usage: node server.mjs ${FORMS.join('|')}`);
  process.exit(2);
}

process.stdin.resume().on('end', () => process.exit(0)).on('error', () => process.exit(0));

// The issuer holds the port, so the port comes first.
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  server.on('request', makeProvider(`http://127.0.0.1:${port}`, form).callback());
  console.log(`listening ${port}`);
});
