using System.Text;
using Amazon.Runtime;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.RegistryCore.Storage.S3.Requests;

/// <summary>
/// The access key and its secret, in files that are followed while the server runs. A file that cannot be used changes nothing: the last
/// good pair stays in use.
/// </summary>
internal sealed partial class S3Keys : AWSCredentials
{
    private readonly string accessKeyFile;
    private readonly string secretKeyFile;
    private readonly ILogger log;
    private readonly FollowedFiles<Seen> files;

    /// <summary>Reads the files for the first time.</summary>
    /// <exception cref="OperatorException">A file is missing, empty, or others can get at it.</exception>
    public S3Keys(string? accessKeyFile, string? secretKeyFile, ILogger log)
    {
        (this.accessKeyFile, this.secretKeyFile, this.log) = (accessKeyFile ?? "", secretKeyFile ?? "", log);
        files = new FollowedFiles<Seen>([this.accessKeyFile, this.secretKeyFile], Read);
    }

    /// <summary>Why the current files are not in use; null when they are.</summary>
    public string? Failure => files.Current.Failure;

    /// <inheritdoc/>
    public override ImmutableCredentials GetCredentials() => files.Current.Keys;

    private Seen Read(Seen? last, out bool isFinal)
    {
        isFinal = true;
        try
        {
            var access = Text(accessKeyFile, "the object store's access key");
            var secret = Text(secretKeyFile, "the object store's secret key");
            if (last is not null && (last.Keys.AccessKey, last.Keys.SecretKey) != (access, secret)) LogChanged(log);
            return new Seen(new ImmutableCredentials(access, secret, token: null), null);
        }
        catch (OperatorException e) when (last is not null)
        {
            if (e.Message != last.Failure) LogUnusable(log, e.Message);
            return last with { Failure = e.Message };
        }
    }

    private static string Text(string file, string what) =>
        Encoding.UTF8.GetString(SecretFile.Read(file, what, "write the key into it")).Trim() is { Length: > 0 } text
            ? text
            : throw new OperatorException($"{what} {file} is empty: write the key into it");

    [LoggerMessage(
        EventId = LogEvents.ObjectStoreKeysChanged, EventName = nameof(LogEvents.ObjectStoreKeysChanged), Level = LogLevel.Information,
        Message = "The object store's keys were changed; the new ones are in use")]
    private static partial void LogChanged(ILogger log);

    [LoggerMessage(
        EventId = LogEvents.ObjectStoreKeysUnusable, EventName = nameof(LogEvents.ObjectStoreKeysUnusable), Level = LogLevel.Error,
        Message = "The object store's keys were changed and cannot be used: {Reason}; the previous ones remain in use")]
    private static partial void LogUnusable(ILogger log, string reason);

    private sealed record Seen(ImmutableCredentials Keys, string? Failure);
}
