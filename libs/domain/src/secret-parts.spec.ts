import { createMasker, REDACTED } from './mask';

test.each([
  ['p@ss/w0rd-x', 'postgres://app:p@ss/w0rd-x@db/app'],
  ['p@ssw0rd-x', 'postgres://app:p@ssw0rd-x@db/app?mail=a@b'],
  ['passw0rd-x', 'postgres://app:passw0rd-x@db/app?mail=a@b'],
  ['tok-12345', 'Bearer tok-12345'],
  ['dTpwYXNzdw==', 'BASIC dTpwYXNzdw=='],
  ['tok-12345', 'token  tok-12345'],
  ['passw0rd-x', 'Server=db;User Id=sa;Password=passw0rd-x;'],
  ['passw0rd-x', 'Server=db;pwd="passw0rd-x"'],
  ['YWNjb3VudA==', 'AccountName=me;AccountKey=YWNjb3VudA==;EndpointSuffix=core'],
  ['passw0rd-x', 'client secret = passw0rd-x'],
])('%s is masked, being a part of %s', (part, secret) => {
  expect(createMasker([secret]).text(`<${part}>`)).toBe(`<${REDACTED}>`);
});

test('what else stands in a connection string is no secret by itself', () => {
  const { text } = createMasker(['Server=db.example.org;User Id=application-user;Password=x']);
  expect(text('application-user at db.example.org')).toBe('application-user at db.example.org');
});
