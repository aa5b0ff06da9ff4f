using System.Net;
using System.Text.Json;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TokenContract.Wire;
using Microsoft.Extensions.Caching.Memory;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// Asks the index whether a token is good at this moment (RFC 7662), where the configuration wants that for every token. An answer
/// is remembered for a while; requests that come meanwhile wait for the same one.
/// </summary>
internal sealed partial class Introspection(
    IndexConnection connection, TokenServerLinkOptions link, TimeProvider clock, ILogger<Introspection> log)
    : IDisposable
{
    private const int Remembered = 20_000;
    private static readonly TimeSpan KeptFor = TimeSpan.FromMinutes(15); // longer than any answer may be remembered

    private readonly MemoryCache questions = new(new MemoryCacheOptions { SizeLimit = Remembered });
    private readonly Lock asking = new();
    private volatile bool failing;

    /// <summary>Whether the index says that the token is good; null when it does not answer.</summary>
    /// <param name="name">The token's name in memory.</param>
    /// <param name="token">The token.</param>
    /// <param name="cancellationToken">Ends this caller's waiting; the question goes on for the others.</param>
    public Task<bool?> IsActiveAsync(string name, string token, CancellationToken cancellationToken)
    {
        lock (asking)
        {
            if (!questions.TryGetValue(name, out Question? question) || question is null || IsOver(question))
            {
                question = new Question(AskAsync(token), clock.GetTimestamp());
                questions.Set(name, question, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = KeptFor });
            }

            return question.Answer.WaitAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => questions.Dispose();

    /// <summary>An outage is not remembered.</summary>
    private bool IsOver(Question question) => question.Answer.IsCompleted
        && (!question.Answer.IsCompletedSuccessfully || question.Answer.Result
            is null || clock.GetElapsedTime(question.At) >= link.IntrospectFor);

    private async Task<bool?> AskAsync(string token)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // not under the lock
        try
        {
            using var response = await connection.PostFormAsync(ServerPaths.Introspection, [new("token", token)], CancellationToken.None);
            if (response.StatusCode != HttpStatusCode.OK) return Failed($"it answered {(int)response.StatusCode}");
            if (await IndexAnswer.JsonAsync(response, WireJson.Default.IntrospectionAnswer, CancellationToken.None)
                is not { Active: { } active })
            {
                return Failed("its answer does not say whether the token is active");
            }

            failing = false;
            return active;
        }
        catch (Exception e) when (
            e is HttpRequestException or IOException or UnauthorizedAccessException or JsonException or OperationCanceledException)
        {
            return Failed(e.Message);
        }
    }

    private bool? Failed(string reason)
    {
        if (!failing) LogFailure(log, connection.Url(ServerPaths.Introspection), reason);
        failing = true;
        return null;
    }

    [LoggerMessage(
        EventId = LogEvents.IntrospectionFailed, EventName = nameof(LogEvents.IntrospectionFailed), Level = LogLevel.Warning,
        Message = "Cannot ask the index about tokens at {Endpoint}: {Reason}; tokens are refused until it answers")]
    private static partial void LogFailure(ILogger log, Uri endpoint, string reason);

    private sealed record Question(Task<bool?> Answer, long At);
}
