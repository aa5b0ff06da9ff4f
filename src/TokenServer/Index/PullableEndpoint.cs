using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// POST /index/v1/pullable: a registry asks which repositories of its catalogue a caller may pull. It shows its own credential
/// as HTTP Basic and the caller's token and address in the body; groups are looked up anew, since tokens carry none. The address is
/// believed: whoever has the credential is the registry that the caller talks to.
/// </summary>
internal sealed class PullableEndpoint(IReadOnlyList<RegistryService> services, TokenSubject subjects, IdentityChain identities, PolicyStore policies, TimeProvider time)
{
    /// <summary>Where registries ask.</summary>
    public const string Path = "/index/v1/pullable";

    private static readonly Caller Anonymous = new("", [], null, "", SignIn.Anonymous);

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            await ErrorAnswer.MethodNotAllowed("POST").SendAsync(context.Response);
            return;
        }

        if (RegistrySignIn.Read(context.Request.Headers.Authorization, services, out var service) is { } error)
        {
            await error.SendAsync(context.Response);
            return;
        }

        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        if (PullableRequest.Read(body.GetBuffer().AsMemory(0, (int)body.Length), out var request) is { } malformed)
        {
            await ErrorAnswer.InvalidRequest(malformed).SendAsync(context.Response);
            return;
        }

        var now = time.GetUtcNow();
        if (subjects.Read(request!.Token, service!.Audience, now, out var account) is { } bad)
        {
            await ErrorAnswer.InvalidRequest(bad).SendAsync(context.Response);
            return;
        }

        var outcome = account.Length == 0 ? new SignInOutcome.UnknownAccount() : await identities.FindAsync(account, context.RequestAborted);
        if (outcome is SignInOutcome.Unavailable outage)
        {
            await ErrorAnswer.Unavailable(outage.RetryAfter).SendAsync(context.Response);
            return;
        }

        // Whoever has lost the account since sees what everybody sees.
        var caller = outcome is SignInOutcome.SignedIn who
            ? new Caller(who.Account, who.Groups, request.Address, service.Name, who.SignedInBy)
            : Anonymous with { Address = request.Address, Service = service.Name };
        await JsonBytes.SendAsync(context.Response, StatusCodes.Status200OK, Pullable(policies.Current, caller, request.Repositories, now));
    }

    private static byte[] Pullable(Policy policy, Caller caller, IReadOnlyList<RepositoryName> names, DateTimeOffset now) =>
        JsonBytes.Write((policy, caller, names, now), static (json, question) =>
        {
            json.WriteStartObject();
            json.WriteStartArray("repositories"u8);
            foreach (var name in question.names)
            {
                var decision = question.policy.Decide(question.caller, Scope.Repository(name, ActionSet.Pull), question.now);
                if (decision.Granted.Actions.Covers(ActionSet.Pull)) json.WriteStringValue(name.Value);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
}
