using AuthIndex.Hosting.Telemetry;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>
/// How the upstreams are doing, for the token server's page for administrators: an extension of this registry's own (OCI
/// distribution-spec 1.1, "Extensions").
/// </summary>
internal sealed class UpstreamReportEndpoint(UpstreamReport report, TimeProvider clock)
{
    private readonly DateTimeOffset startedAt = clock.GetUtcNow();

    /// <summary>GET and HEAD; what was counted is this process's own.</summary>
    public async Task<OciError?> ShowAsync(V2Request request)
    {
        // A token of a client grants this too where a policy says so; the page alone asks whether somebody is signed in there.
        if (!request.Token.IsView) return OciError.Denied("only the token server's portal may read this");
        return await request.AnswerAsync(new Figures(InstanceName.Own, startedAt, await report.GlanceAsync(request.Aborted)));
    }

    /// <param name="Instance">Which process of the registry answers.</param>
    /// <param name="Since">Since when it counts.</param>
    /// <param name="Upstreams">All upstreams, those too of which only copies are left.</param>
    private sealed record Figures(string Instance, DateTimeOffset Since, IReadOnlyList<UpstreamState> Upstreams);
}
