using System.Text.Json;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Portal.Images;
using AuthIndex.TokenServer.Portal.Pages.Administration;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>
/// How the upstreams of the reporting registries are doing: all registries are asked at once, and the page does not wait for one that is
/// away. Others than those that report are not asked.
/// </summary>
internal sealed class UpstreamFigures(
    IReadOnlyList<RegistryService> services, RegistryTokens tokens, RegistryClients registries, TimeProvider time)
{
    /// <summary>How long the page waits for all of them.</summary>
    public static readonly TimeSpan Patience = RepositoryDetails.Patience;

    /// <summary>How many upstreams of a registry are shown at most.</summary>
    public const int MaxShown = 100;

    private const int MaxName = 100; // shown of an instance or upstream: names are shorter, or not meant well

    /// <summary>Asks the registries; those without upstreams are left out.</summary>
    public async Task<IReadOnlyList<RegistryUpstreams>> ReadAsync(SubjectCaller who, CancellationToken aborted)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, aborted);
        var asked = await Task.WhenAll(
            services.Where(s => s.HasCredential && s.InternalUrl is not null).Select(s => ReadAsync(who, s, either.Token, aborted)));
        return [.. asked.OfType<RegistryUpstreams>()];
    }

    private async Task<RegistryUpstreams?> ReadAsync(
        SubjectCaller who, RegistryService service, CancellationToken either, CancellationToken aborted)
    {
        if (!tokens.Issue(who, service, Scope.IndexSystem).TryGet(out var token, out _))
        {
            return Problem(service, "The policy does not let you see the upstreams of this registry.");
        }

        try
        {
            return await registries[service.Name].Client.UpstreamsAsync(token.Text, either) switch
            {
                RegistryAnswer.Done done => Read(service, done.Body),
                RegistryAnswer.Missing => null, // an older one
                var other => Problem(service, RegistryProblem.TextOf(other)),
            };
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            return Problem(service, $"The registry did not answer within {Patience.TotalSeconds} seconds.");
        }
    }

    private static RegistryUpstreams? Read(RegistryService service, byte[] body)
    {
        if (UntrustedJson.Parse(body) is not { } json) return Problem(service, "The registry did not answer as it should.");
        List<UpstreamRow> rows = [.. json.Items("upstreams", MaxShown).Select(Row)];
        return rows.Count == 0 ? null : new RegistryUpstreams(service.Name, Short(json.Text("instance")), json.Time("since"), null, rows);
    }

    private static UpstreamRow Row(JsonElement json)
    {
        var (counts, limit) = (json.Object("requests"), json.Object("rateLimit"));
        return new UpstreamRow(
            Short(json.Text("name")),
            json.Text("url") is not null,
            json.Text("failure"),
            json.Time("pausedUntil"),
            counts.Size("hits"),
            counts.Size("misses"),
            counts.Size("stale"),
            counts.Size("failed"),
            json.Size("savedBytes"),
            limit.Size("remaining"),
            limit.Size("limit"),
            limit.Size("seconds"),
            json.Size("heldBytes"),
            json.Size("quotaBytes"));
    }

    private static string Short(string? text) => text is null ? "?" : text.Length <= MaxName ? text : text[..MaxName] + "…";

    private static RegistryUpstreams Problem(RegistryService service, string problem) => new(service.Name, "", null, problem, []);
}
