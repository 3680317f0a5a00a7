// What both forms have in common: public clients with PKCE, rotation of every refresh token, audiences by scope.

import { generateKeyPairSync, randomBytes } from 'node:crypto';

import { Provider } from 'oidc-provider';

import { AUDIENCE_SCOPES, resourceIndicators } from './audiences.mjs';
import { Accounts, enrolAtOnce, enrolOverHops, finishHops } from './enrolment.mjs';

const DAY_S = 24 * 60 * 60;
const REDIRECT_URIS = ['dev.vestibule.app:/enrolled', 'http://127.0.0.1/cb'];

// Devices enrol silently at the clients named `device*`; at `ordinary` a person has to log in.
export const CLIENTS = {
  device: 'AstDeviceEnrollment',
  deviceWithNonce: 'AstDeviceEnrollmentNonce',
  ordinary: 'ordinary',
};

export function makeProvider(issuer, form) {
  const accounts = new Accounts();
  const hops = form === 'hops';
  const provider = new Provider(issuer, {
    clients: Object.values(CLIENTS).map((id) => client(id, hops)),
    jwks: { keys: [signingKey(hops)] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    findAccount: (_ctx, id) => accounts.find(id),
    interactions: { policy: hops ? enrolOverHops() : enrolAtOnce(accounts) },
    // Audience scopes are no scopes of the provider: listed here, consent to them would be asked for again and again.
    scopes: ['openid'],
    issueRefreshToken: (_ctx, asking) => asking.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    clientBasedCORS: () => false,
    ttl: {
      AccessToken: 300,
      AuthorizationCode: 60,
      Grant: 14 * DAY_S,
      IdToken: 300,
      Interaction: 60,
      RefreshToken: 14 * DAY_S,
      Session: DAY_S,
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: hops, nonceSecret: randomBytes(32), requireNonce },
      pushedAuthorizationRequests: { enabled: hops },
      resourceIndicators: resourceIndicators(signingAlgorithm(hops)),
      revocation: { enabled: true, allowedPolicy: (_ctx, asking, token) => asking.clientId === token.clientId },
      rpInitiatedLogout: { enabled: false },
    },
  });
  provider.use(publishAudienceScopes);
  if (hops) provider.use(finishHops(provider, accounts));
  return provider;
}

// One form signs with an elliptic curve, the other one with RSA, so that both are met.
function signingAlgorithm(hops) {
  return hops ? 'ES256' : 'RS256';
}

function signingKey(hops) {
  const { privateKey } = hops
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: signingAlgorithm(hops) };
}

function client(id, hops) {
  return {
    client_id: id,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: REDIRECT_URIS,
    id_token_signed_response_alg: signingAlgorithm(hops),
    dpop_bound_access_tokens: hops,
  };
}

function requireNonce(ctx) {
  return ctx.oidc.client?.clientId === CLIENTS.deviceWithNonce;
}

// A client that asks only for published scopes has to find the audiences there.
async function publishAudienceScopes(ctx, next) {
  await next();
  if (ctx.oidc?.route === 'discovery') ctx.body.scopes_supported.push(...AUDIENCE_SCOPES);
}
