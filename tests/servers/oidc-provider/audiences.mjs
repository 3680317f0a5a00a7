// Audiences by scope: a refresh narrowed to `aud:orders` gives a token for `orders` alone.
//
// To the provider an audience is a resource server (RFC 8707). The client never names one: every enrolment is granted
// all that the client may have, and at a refresh the narrowed scope chooses.

import { errors } from 'oidc-provider';

const GRANTED = ['orders', 'billing'];
// Known to the provider and granted to nobody.
const REFUSED = ['ledger'];
const LIFE_S = 300;

export const AUDIENCE_SCOPES = [...GRANTED, ...REFUSED].map(scopeOf);

// What a client is granted at its enrolment, by resource server.
export const GRANTED_RESOURCES = new Map(GRANTED.map((name) => [resourceOf(name), scopeOf(name)]));

export function resourceIndicators(algorithm) {
  return {
    enabled: true,
    // Without `oneOf` at the authorization endpoint; with it, all that was granted, at the token endpoint.
    defaultResource: (ctx, _client, oneOf) => (oneOf ? chosenBy(ctx.oidc.params.scope, oneOf) : [...GRANTED_RESOURCES.keys()]),
    useGrantedResource: () => false,
    getResourceServerInfo: (_ctx, resource) => {
      const scope = GRANTED_RESOURCES.get(resource);
      if (scope === undefined) throw new errors.InvalidTarget();
      return {
        scope,
        audience: scope.slice('aud:'.length),
        accessTokenTTL: LIFE_S,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: algorithm } },
      };
    },
  };
}

// More than one left is refused by the provider itself: `invalid_target`.
function chosenBy(scope, resources) {
  const asked = new Set(scope?.split(' '));
  const chosen = resources.filter((resource) => asked.has(GRANTED_RESOURCES.get(resource)));
  return chosen.length === 1 ? chosen[0] : chosen;
}

function scopeOf(name) {
  return `aud:${name}`;
}

function resourceOf(name) {
  return `urn:vestibule:${name}`;
}
