using AuthIndex.RegistryCore.Storage.Objects.S3;

namespace AuthIndex.RegistryCore.Tests.Storage.Copying;

/// <summary>The keys below <c>registry</c> that name a database and a bucket to a process.</summary>
internal static class CopySettings
{
    public static string[] Of(string connectionFile, S3Options s3) =>
    [
        $"database.connectionFile={connectionFile}", $"storage.s3.serviceUrl={s3.ServiceUrl}", $"storage.s3.bucket={s3.Bucket}",
        $"storage.s3.prefix={s3.Prefix}", $"storage.s3.accessKeyFile={s3.AccessKeyFile}", $"storage.s3.secretKeyFile={s3.SecretKeyFile}",
    ];
}
