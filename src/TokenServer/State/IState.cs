using AuthIndex.Hosting.Health;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.State;

/// <summary>What the server must know again after a restart: the stores of one database.</summary>
internal interface IState : IAsyncDisposable
{
    /// <summary>Refresh tokens and access tokens.</summary>
    IGrantStore Grants { get; }

    /// <summary>What registries are told is void.</summary>
    IRevocationStore Revocations { get; }

    /// <summary>Suspended accounts.</summary>
    ISuspensionStore Suspensions { get; }

    /// <summary>Who is held back after failed sign-ins.</summary>
    ISignInHoldStore SignInHolds { get; }

    /// <summary>What all servers of the database count together; null where one server alone uses it.</summary>
    ISharedFailures? SharedFailures { get; }

    /// <summary>The catalog: what registries have reported.</summary>
    ICatalogStore Catalog { get; }

    /// <summary>Who is signed in to the portal.</summary>
    ISessionStore Sessions { get; }

    /// <summary>The portal's codes for docker login.</summary>
    ILoginCodeStore LoginCodes { get; }

    /// <summary>The accounts of OpenID Connect providers.</summary>
    IPersonStore People { get; }

    /// <summary>
    /// How long a look is good for: without a later one, nobody is signed in, because an account may have been suspended meanwhile
    /// through another server. Null where no other server uses the database.
    /// </summary>
    TimeSpan? LookLasts { get; }

    /// <summary>
    /// Registry tokens issued for so long after the end of an account are void too: until then, a server may not have noticed it.
    /// </summary>
    TimeSpan NoticedWithin { get; }

    /// <summary>How the database is, as a part of the server's readiness.</summary>
    HealthPart CheckHealth();
}
