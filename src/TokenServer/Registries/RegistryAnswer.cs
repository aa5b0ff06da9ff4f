using System.Net;

namespace AuthIndex.TokenServer.Registries;

/// <summary>What came of a request to a registry. The hierarchy is closed.</summary>
internal abstract record RegistryAnswer
{
    private RegistryAnswer()
    {
    }

    /// <summary>It did what it was asked to.</summary>
    /// <param name="Body">The body, at most <see cref="RegistryClient.MaxAnswerBytes"/>.</param>
    /// <param name="MediaType">The media type without parameters, in lower case; "" when there is none.</param>
    /// <param name="Digest">The <c>Docker-Content-Digest</c>; null when there is none.</param>
    internal sealed record Done(byte[] Body, string MediaType, string? Digest) : RegistryAnswer
    {
        /// <summary>Whether there are further pages.</summary>
        public bool HasMore { get; init; }
    }

    /// <summary>It has no such thing.</summary>
    internal sealed record Missing : RegistryAnswer;

    /// <summary>It refused, or its answer is of no use.</summary>
    /// <param name="Status">The status.</param>
    /// <param name="Reason">Why, for the person who asks.</param>
    internal sealed record Refused(HttpStatusCode Status, string Reason) : RegistryAnswer;

    /// <summary>It did not answer, or there is no way to it.</summary>
    /// <param name="Reason">Why, for the person who asks; nothing about the network behind the server.</param>
    internal sealed record Unreachable(string Reason) : RegistryAnswer;
}
