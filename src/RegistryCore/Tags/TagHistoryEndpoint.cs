using System.Globalization;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Tags;

namespace AuthIndex.RegistryCore.Tags;

/// <summary>
/// Where a tag pointed before: an extension of this registry's own (OCI distribution-spec 1.1, "Extensions"), for the portal. A tag is
/// rolled back by pushing the earlier manifest to it again.
/// </summary>
internal sealed class TagHistoryEndpoint(ITagStore tags)
{
    /// <summary>How many moves are listed at most; older ones are for the command line.</summary>
    public const int MaxMoves = 50;

    /// <summary>GET and HEAD: the newest moves, the newest first; none for a tag that never was.</summary>
    public async Task<OciError?> ListAsync(V2Request request)
    {
        if (!Reference.TryParse(request.Argument, out var reference) || reference.Tag is not { } tag)
        {
            return OciError.TagInvalid(request.Argument);
        }

        var moves = await tags.HistoryAsync(request.Repository, tag, MaxMoves);
        return await request.AnswerAsync(new MoveList(
            tag,
            moves.Select(m => new Move(
                DateTimeOffset.FromUnixTimeSeconds(m.At).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
                m.By, m.NewDigest, m.IsPresent))));
    }

    private sealed record MoveList(string Tag, IEnumerable<Move> Moves);

    /// <param name="At">When (RFC 3339, UTC).</param>
    /// <param name="By">The account; empty for an anonymous caller.</param>
    /// <param name="Digest">Where the tag pointed since; null when it was deleted.</param>
    /// <param name="IsPresent">Whether that manifest is still here.</param>
    private sealed record Move(string At, string By, string? Digest, bool IsPresent);
}
