using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore;

/// <summary>
/// <c>/v2/</c>: by its challenge clients learn where tokens come from, by its 200 that theirs is good (OCI distribution-spec 1.1,
/// "Determining Support").
/// </summary>
internal static class PingEndpoint
{
    private static readonly byte[] Body = "{}"u8.ToArray();

    /// <summary>
    /// GET and HEAD of <c>/v2/</c>: 200 for whoever may use the registry (OCI distribution-spec 1.1, "Determining Support").
    /// </summary>
    public static async Task<OciError?> GetAsync(V2Request request)
    {
        await request.SendAsync("application/json", Body);
        return null;
    }
}
