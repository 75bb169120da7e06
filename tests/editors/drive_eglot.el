;;; drive_eglot.el --- Complete at the end of a line and save  -*- lexical-binding: t; -*-
;;; Commentary:
;; emacs -Q --batch -L editor-configs/emacs -l drive_eglot.el, with SETTINGS (JSON), FILE and ROW (from 1)
;; in the environment.
;;; Code:
(require 'json)
(setq make-backup-files nil
      create-lockfiles nil
      python-indent-guess-indent-offset nil
      eglot-sync-connect 60
      eglot-connect-timeout 60
      eglot-events-buffer-config '(:size 0))
(require 'twinny-lsp-eglot)
(setq twinny-lsp-eglot-settings
      (json-parse-string (getenv "SETTINGS") :object-type 'plist :false-object :json-false))

(find-file (getenv "FILE"))
(apply #'eglot (eglot--guess-contact))
(goto-char (point-min))
(forward-line (1- (string-to-number (getenv "ROW"))))
(end-of-line)
(completion-at-point)
(save-buffer)
(eglot-shutdown (eglot-current-server) nil 20)
;;; drive_eglot.el ends here
