// The silent enrolment: a user without a name is made for whoever comes to a client for devices.

import { randomUUID } from 'node:crypto';

import { interactionPolicy } from 'oidc-provider';

import { GRANTED_RESOURCES } from './audiences.mjs';

const { base, Check, Prompt } = interactionPolicy;

export class Accounts {
  #ids = new Set();

  make() {
    const id = randomUUID();
    this.#ids.add(id);
    return id;
  }

  find(id) {
    return this.#ids.has(id) ? { accountId: id, claims: () => ({ sub: id }) } : undefined;
  }
}

// One redirect: the user is made while the request is looked at, and nothing is left to ask.
export function enrolAtOnce(accounts) {
  return silently('a device is enrolled at once', async (ctx) => {
    const { oidc } = ctx;
    const accountId = accounts.make();
    const grant = await fullGrant(oidc.provider, accountId, oidc.client.clientId);
    oidc.session.loginAccount({ accountId });
    oidc.session.ensureClientContainer(oidc.client.clientId);
    oidc.session.grantIdFor(oidc.client.clientId, grant.jti);
    oidc.entity('Account', accounts.find(accountId));
    oidc.entity('Grant', grant);
    oidc.result = { consent: {} };
    return Check.NO_NEED_TO_PROMPT;
  });
}

// Hops: the provider sends the device through an interaction that shows nothing. It is silent, so `prompt=none` does
// not forbid it; the provider has no notion of that, and so the parameter is taken out.
export function enrolOverHops() {
  return silently('a device is enrolled by an interaction', (ctx) => {
    ctx.oidc.params.prompt = undefined;
    return Check.REQUEST_PROMPT;
  });
}

// The page of the interaction: finishes it at once. Finds the interaction by its cookie.
export function finishHops(provider, accounts) {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const { params, prompt } = await provider.interactionDetails(ctx.req, ctx.res);
    if (prompt.name !== 'device_enrolment') return ctx.throw(501, 'a person has to log in');
    const accountId = accounts.make();
    const grant = await fullGrant(provider, accountId, params.client_id);
    ctx.respond = false;
    return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId }, consent: { grantId: grant.jti } });
  };
}

// The ordinary policy of the provider, after a look at clients for devices that bring no session.
function silently(description, enrol) {
  const policy = base();
  const check = new Check('device', description, 'interaction_required', (ctx) => {
    const { client, session } = ctx.oidc;
    return client.clientId.startsWith('AstDevice') && !session.accountId ? enrol(ctx) : Check.NO_NEED_TO_PROMPT;
  });
  policy.add(new Prompt({ name: 'device_enrolment', requestable: false }, check), 0);
  return policy;
}

async function fullGrant(provider, accountId, clientId) {
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope('openid');
  for (const [resource, scope] of GRANTED_RESOURCES) grant.addResourceScope(resource, scope);
  await grant.save();
  return grant;
}
