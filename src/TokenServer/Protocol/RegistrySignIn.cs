using Microsoft.Extensions.Primitives;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>How a registry proves which one it is: the service's name and its own credential as HTTP Basic.</summary>
internal static class RegistrySignIn
{
    /// <summary>Reads the <c>Authorization</c> header.</summary>
    /// <returns>Null when it is a registry; otherwise the answer to give.</returns>
    public static ErrorAnswer? Read(StringValues authorization, IReadOnlyList<RegistryService> services, out RegistryService? service)
    {
        var error = BasicCredentials.Read(authorization, out var credentials);
        service = credentials is null ? null : services.FirstOrDefault(s => s.Name == credentials.User && s.Knows(credentials.Password));
        return service is not null ? null : error ?? ErrorAnswer.Unauthorized("only registries may ask here, with their service name and credential");
    }
}
