using System.Net;
using AuthIndex.Hosting.Audit;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>Records in the audit log what people did to tags in the portal.</summary>
internal sealed class TagActs(AuditLog audit, TimeProvider time)
{
    /// <summary>Records one act.</summary>
    /// <param name="action">What was done.</param>
    /// <param name="visitor">Who did it.</param>
    /// <param name="address">Where the request came from; null when unknown.</param>
    /// <param name="image">The tag.</param>
    /// <param name="registry">The registry.</param>
    /// <param name="digest">The digest that it pointed at, or points at now.</param>
    /// <param name="answer">What came of it.</param>
    public void Recorded(
        string action, Visitor visitor, IPAddress? address, ImageReference image, string registry, string digest, RegistryAnswer answer)
    {
        var account = visitor.Subject.Who.Account;
        var failure = answer switch
        {
            RegistryAnswer.Refused { Reason: var reason } => reason,
            RegistryAnswer.Unreachable { Reason: var reason } => reason,
            RegistryAnswer.Missing => "the registry has no such image",
            _ => null,
        };
        audit.Add(new AdministrativeAct(
            time.GetUtcNow(), action, $"{account} at {address?.ToString() ?? "an unknown address"}",
            ["--account", account, "--registry", registry, image.Repository.Value, image.Value, digest],
            failure is null ? AdministrativeAct.Done : AdministrativeAct.Failed, failure));
    }
}
